//! Drafts out of TOML, and a factory whose environment is the test's own.

use std::sync::Arc;

use cache_core::Cache;
use cache_factory::{Config, ConfigErrors, Draft, Factory, Registry};
use cache_memory::MemoryBackend;
use cache_testkit::FailingBackend;

/// The variables that `${NAME}` finds.
pub(crate) const VARIABLES: [(&str, &str); 2] = [("SECRET", "canary"), ("ITEMS", "7")];

pub(crate) fn factory() -> Factory {
    Factory::new().variables(|name| {
        let found = VARIABLES.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

pub(crate) fn draft(text: &str) -> Draft {
    toml::from_str(text).unwrap()
}

pub(crate) fn read(text: &str) -> Result<Config, ConfigErrors> {
    factory().read(&draft(text))
}

/// Makes the caches of a configuration that is right.
pub(crate) fn build(text: &str) -> Registry {
    factory().build(&read(text).unwrap()).unwrap()
}

/// Returns what is wrong with a configuration, one message for each.
pub(crate) fn errors(text: &str) -> Vec<String> {
    let wrong = match read(text) {
        Ok(config) => factory().build(&config).unwrap_err(),
        Err(wrong) => wrong,
    };
    wrong.iter().map(ToString::to_string).collect()
}

/// A cache that fails as its backend is told to.
pub(crate) fn failing(name: &str) -> (Cache, Arc<FailingBackend<MemoryBackend>>) {
    let backend = Arc::new(FailingBackend::new(MemoryBackend::builder().build().unwrap()));
    (
        Cache::builder(Arc::clone(&backend)).name(name).build().unwrap(),
        backend,
    )
}
