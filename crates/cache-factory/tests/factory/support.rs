//! Drafts out of TOML, and a factory whose environment is the test's own.

use std::sync::Arc;
use std::time::Duration;

use cache_core::Cache;
use cache_factory::{CacheConfig, Config, ConfigErrors, Draft, Factory, Registry, Span};
use cache_memory::MemoryBackend;
use cache_testkit::FailingBackend;

/// The variables that `${NAME}` finds.
pub(crate) const VARIABLES: [(&str, &str); 2] = [("SECRET", "canary"), ("ITEMS", "7")];

/// Budgets for a machine that is busy with other tests.
pub(crate) const PATIENT: &str = "read_budget = '1m', write_budget = '1m', connect_timeout = '1m'";

/// The same for a cache that is set up in code.
pub(crate) fn patient(config: &mut CacheConfig) {
    let minute = Some(Span(Duration::from_secs(60)));
    let redis = config.redis.get_or_insert_default();
    redis.read_budget = minute;
    redis.write_budget = minute;
    redis.connect_timeout = minute;
}

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
