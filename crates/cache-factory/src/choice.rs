//! Settings of which only one makes sense. Whoever gives one, nearer to the cache or in a later source, does without the
//! others that were given further away.

use serde_json::{Map, Value};

use crate::config::CacheConfig;
use crate::section::{Section, given, is_within};

/// The choices: each a section, and the settings of which it has one.
const CHOICES: [(&str, &[&str]); 4] = [
    ("memory", &["max_items", "max_bytes"]),
    ("redis", &["url", "address", "unix_socket", "cluster", "sentinel"]),
    ("redis", &["password", "password_file"]),
    ("redis.sentinel", &["password", "password_file"]),
];

/// Returns the defaults without what a cache has chosen otherwise.
pub(crate) fn without_others(defaults: &CacheConfig, own: &CacheConfig) -> CacheConfig {
    let mut left = defaults.clone();
    let (mine, shared) = (given(own), given(defaults));
    for (section, choice) in CHOICES {
        let holds = |settings: &[String], one: &str| {
            let path = format!("{section}.{one}");
            settings.iter().any(|setting| is_within(setting, &path))
        };
        if !choice.iter().any(|one| holds(&mine, one)) {
            continue;
        }
        for other in choice.iter().filter(|one| !holds(&mine, one)) {
            let path = format!("{section}.{other}");
            for setting in shared.iter().filter(|setting| is_within(setting, &path)) {
                left.remove(setting);
            }
        }
    }
    left
}

/// Takes out of a section, before another one is laid over it, what that one has chosen otherwise.
pub(crate) fn displace(below: &mut Map<String, Value>, above: &Map<String, Value>, path: &str) {
    for (section, choice) in CHOICES {
        let is_here = path.strip_suffix(section).is_some_and(|rest| rest.ends_with('.'));
        if is_here && choice.iter().any(|one| above.contains_key(*one)) {
            below.retain(|name, _| !choice.contains(&name.as_str()) || above.contains_key(name));
        }
    }
}
