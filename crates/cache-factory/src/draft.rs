//! Configuration before it is read: a tree of values out of files, the environment and flags, laid over each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::choice::displace;
use crate::error::ConfigError;
use crate::section::join;

/// A tree of settings that nobody has checked yet. It deserializes from any format that describes itself.
///
/// ```
/// use cache_factory::Draft;
///
/// let file: Draft = toml::from_str("caches.users.ttl = '5m'")?;
/// let variables = [("CACHE__CACHES__USERS__TTL".to_owned(), "1m".to_owned())];
/// let mut flags = Draft::default();
/// flags.set("caches.users.backend", "memory");
/// // The last one counts: flags before the environment, the environment before the file.
/// let draft = file.overlay(Draft::from_env("CACHE", variables)).overlay(flags);
/// # Ok::<_, toml::de::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Draft {
    pub(crate) tree: Map<String, Value>,
    /// Where values came from, by their paths.
    pub(crate) origins: BTreeMap<String, String>,
    /// What is wrong with it before it is read.
    pub(crate) errors: Vec<ConfigError>,
}

impl Draft {
    /// Makes a draft of the variables whose names begin with a prefix and two underscores. Two underscores separate the
    /// parts of a path, and case does not matter: with the prefix `CACHE`, `CACHE__CACHES__USERS__MEMORY__MAX_ITEMS` is
    /// `caches.users.memory.max_items`. An empty variable counts as none.
    ///
    /// Laid over a draft that has a cache `price-list`, `PRICE_LIST` is that cache, since no variable has a `-`.
    pub fn from_env<N: Into<OsString>, V: Into<OsString>>(
        prefix: &str,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let prefix = format!("{}__", prefix.to_ascii_uppercase());
        // In the order of their names, so that errors come in the same order each time.
        let variables: BTreeMap<String, OsString> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())))
            .collect();
        let mut draft = Self::default();
        for (name, value) in variables {
            let upper = name.to_ascii_uppercase();
            let Some(path) = upper.strip_prefix(&prefix).filter(|_| !value.is_empty()) else {
                continue;
            };
            let path = path.to_ascii_lowercase().replace("__", ".");
            let origin = format!("environment variable {name}");
            if let Ok(value) = value.into_string() {
                draft.set(&path, value);
                draft.origins.insert(path, origin);
            } else {
                let error = ConfigError::new(path, "is no text in UTF-8; give it as one");
                draft.errors.push(error.with_origin(Some(origin)));
            }
        }
        draft
    }

    /// Sets the value of a path, such as `caches.users.ttl`.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) {
        let mut parts: Vec<&str> = path.split('.').collect();
        let Some(last) = parts.pop() else { return };
        let mut at = &mut self.tree;
        for part in parts {
            let below = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(section) = below else {
                self.errors.push(ConfigError::new(
                    path,
                    format!("`{part}` is given as a value and as a section; drop one"),
                ));
                return;
            };
            at = section;
        }
        at.insert(last.to_owned(), value.into());
    }

    /// Says where all values of this draft came from, such as `file cache.toml`. Messages show it.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        let origin = origin.into();
        let mut paths = Vec::new();
        leaves(&self.tree, "", &mut paths);
        for path in paths {
            self.origins.entry(path).or_insert_with(|| origin.clone());
        }
        self
    }

    /// Lays another draft over this one. Where both have a value, the other one's counts; and where only one of several
    /// settings makes sense, such as `redis.url` and `redis.address`, the one that the other draft has chosen.
    #[must_use]
    pub fn overlay(mut self, above: Self) -> Self {
        let mut renamed = Vec::new();
        merge(&mut self.tree, above.tree, "", &mut renamed);
        for (mut path, origin) in above.origins {
            for (given, meant) in &renamed {
                if let Some(rest) = path.strip_prefix(given.as_str()) {
                    path = format!("{meant}{rest}");
                }
            }
            self.origins.insert(path, origin);
        }
        self.errors.extend(above.errors);
        self
    }
}

/// Lays a tree over another one, and says which paths got another name.
fn merge(
    below: &mut Map<String, Value>,
    above: Map<String, Value>,
    path: &str,
    renamed: &mut Vec<(String, String)>,
) {
    displace(below, &above, path);
    for (given, value) in above {
        let dashed = below
            .keys()
            .find(|key| key.contains('-') && key.replace('-', "_") == given)
            .cloned();
        let name = match dashed {
            Some(dashed) if !below.contains_key(&given) => {
                renamed.push((join(path, &given), join(path, &dashed)));
                dashed
            }
            _ => given,
        };
        match (below.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => {
                merge(below, above, &join(path, &name), renamed);
            }
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}

fn leaves(tree: &Map<String, Value>, path: &str, found: &mut Vec<String>) {
    for (name, value) in tree {
        let path = join(path, name);
        match value {
            Value::Object(section) => leaves(section, &path, found),
            _ => found.push(path),
        }
    }
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tree = Map::deserialize(deserializer)?;
        Ok(Self {
            tree,
            ..Self::default()
        })
    }
}

/// Prints the paths and no values: some are secrets, and nobody has said yet which.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths = Vec::new();
        leaves(&self.tree, "", &mut paths);
        f.debug_tuple("Draft").field(&paths).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(value: Value) -> Draft {
        serde_json::from_value(value).unwrap()
    }

    fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn variables_are_paths() {
        let found = Draft::from_env(
            "APP_CACHE",
            variables(&[
                ("APP_CACHE__CACHES__USERS__TTL", "5m"),
                ("APP_CACHE__DEFAULTS__REDIS__URL", ""),
                ("APP_CACHED__X", "1"),
                ("PATH", "/bin"),
            ]),
        );
        assert_eq!(
            Value::Object(found.tree),
            json!({ "caches": { "users": { "ttl": "5m" } } })
        );
        assert_eq!(
            found.origins["caches.users.ttl"],
            "environment variable APP_CACHE__CACHES__USERS__TTL"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_an_error_if_it_is_ours_and_nothing_otherwise() {
        use std::os::unix::ffi::OsStringExt;

        let no_text = || OsString::from_vec(vec![0xff]);
        let names = ["C__DEFAULTS__TTL", "PATH"];
        let found = Draft::from_env("C", names.map(|name| (name, no_text())));
        assert_eq!(found.errors.len(), 1);
        assert_eq!(
            found.errors[0].to_string(),
            "defaults.ttl: is no text in UTF-8; give it as one (environment variable C__DEFAULTS__TTL)"
        );
    }

    #[test]
    fn what_is_laid_above_counts_and_the_rest_stays() {
        let below = draft(json!({ "caches": { "users": { "ttl": "5m", "backend": "memory" } } }));
        let merged = below.overlay(draft(json!({ "caches": { "users": { "ttl": "1m" } } })));
        let expected = json!({ "caches": { "users": { "ttl": "1m", "backend": "memory" } } });
        assert_eq!(Value::Object(merged.tree), expected);
    }

    #[test]
    fn a_place_that_is_laid_above_counts_before_another_one_below() {
        let below =
            json!({ "caches": { "a": { "redis": { "address": "one:1", "password": "x", "db": 1 } } } });
        let above =
            json!({ "caches": { "a": { "redis": { "url": "redis://two", "password_file": "/f" } } } });
        let expected = json!({ "caches": { "a": { "redis": { "url": "redis://two", "password_file": "/f", "db": 1 } } } });
        let merged = draft(below).overlay(draft(above));
        assert_eq!(Value::Object(merged.tree), expected);
    }

    #[test]
    fn a_variable_reaches_a_cache_whose_name_has_a_dash() {
        let below = draft(json!({ "caches": { "price-list": { "ttl": "5m" } } }));
        let above = Draft::from_env("C", variables(&[("C__CACHES__PRICE_LIST__TTL", "1m")]));
        let merged = below.origin("file cache.toml").overlay(above);
        assert_eq!(
            Value::Object(merged.tree),
            json!({ "caches": { "price-list": { "ttl": "1m" } } })
        );
        assert_eq!(
            merged.origins["caches.price-list.ttl"],
            "environment variable C__CACHES__PRICE_LIST__TTL"
        );
    }

    #[test]
    fn a_value_that_is_also_a_section_is_an_error() {
        let found = Draft::from_env(
            "C",
            variables(&[("C__DEFAULTS__TTL", "5m"), ("C__DEFAULTS__TTL__X", "1")]),
        );
        assert_eq!(found.errors.len(), 1);
        assert_eq!(found.errors[0].path(), "defaults.ttl.x");
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!(
            "{:?}",
            draft(json!({ "defaults": { "redis": { "password": "canary" } } }))
        );
        assert_eq!(shown, r#"Draft(["defaults.redis.password"])"#);
    }
}
