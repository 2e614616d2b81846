//! The settings of the backend.

use std::path::PathBuf;

use serde::Deserialize;

/// What stands in the section `options` of a cache whose backend is `file`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileOptions {
    /// The folder for the files. It is made if it is not there, and clearing the cache empties it.
    pub folder: PathBuf,
}
