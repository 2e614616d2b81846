//! Which settings an error is about. A builder reports the first thing that it finds wrong; here it is asked again
//! without the settings at fault, until nothing is wrong, so that everything is told at once and with its path.

use cache_core::{CacheError, Result};

use crate::config::CacheConfig;
use crate::section::{Section, given, is_within};

/// An error, and the fewest settings of a section that cause it.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The paths of the settings within the cache, such as `redis.db`. None if the section as a whole is at fault.
    pub(crate) settings: Vec<String>,
    pub(crate) error: CacheError,
}

/// Finds everything that a check has to say about the settings of one section.
pub(crate) fn faults(
    config: &CacheConfig,
    section: &str,
    check: impl Fn(&CacheConfig) -> Result<()>,
) -> Vec<Fault> {
    let mut rest = config.clone();
    let mut found = Vec::new();
    while let Err(error) = check(&rest) {
        let settings = causes(&rest, section, |config| {
            check(config).is_err_and(|other| other.message() == error.message())
        });
        for setting in &settings {
            rest.remove(setting);
        }
        let is_whole = settings.is_empty();
        found.push(Fault { settings, error });
        if is_whole {
            break;
        }
    }
    found
}

/// Returns the fewest settings of a section with which something still goes wrong.
fn causes(config: &CacheConfig, section: &str, goes_wrong: impl Fn(&CacheConfig) -> bool) -> Vec<String> {
    let mut left = config.clone();
    for setting in settings_of(config, section) {
        let mut without = left.clone();
        without.remove(&setting);
        if goes_wrong(&without) {
            left = without;
        }
    }
    settings_of(&left, section)
}

fn settings_of(config: &CacheConfig, section: &str) -> Vec<String> {
    let mut settings = given(config);
    settings.retain(|setting| is_within(setting, section));
    settings
}
