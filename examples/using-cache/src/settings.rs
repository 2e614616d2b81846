//! The configuration of the caches, out of four places. The last one that names a setting counts:
//!
//! 1. `cache.toml` beside the manifest, which is compiled in,
//! 2. the file that `--config` names,
//! 3. variables that begin with `CACHE_EXAMPLE__`, such as `CACHE_EXAMPLE__CACHES__PRODUCTS__TTL`,
//! 4. flags such as `--ttl`, and the variables that stand for flags.

use std::env;
use std::fs;
use std::mem;
use std::path::Path;
use std::time::Duration;

use cache_core::Expiration;
use cache_factory::{Config, Draft};

use crate::args::Args;
use crate::caches::life;
use crate::failure::Failure;

/// What the variables of the caches begin with.
const PREFIX: &str = "CACHE_EXAMPLE";

/// The caches of the service.
const CACHES: [&str; 2] = ["products", "searches"];

/// Lays the four places over each other.
pub(crate) fn draft(args: &Args) -> Result<Draft, Failure> {
    let built_in = parse(include_str!("../cache.toml"), "the built-in cache.toml")?;
    let file = match &args.config {
        Some(path) => read(path)?,
        None => Draft::default(),
    };
    let environment = Draft::from_env(PREFIX, env::vars_os());
    let draft = built_in.overlay(file).overlay(environment).overlay(flags(args));
    let stale = stale(args, &draft);
    // Without the flag this is a default, which any of the four places may replace.
    Ok(if args.stale_for.is_some() {
        draft.overlay(stale)
    } else {
        stale.overlay(draft)
    })
}

/// How long products and searches may be given stale unless it is told, counted from the end of their life.
const STALE_FOR: Duration = Duration::from_secs(600);

/// Says up to which age products and searches may be given while the source is down. The age counts from the load, so it is the TTL
/// and what comes after it.
fn stale(args: &Args, draft: &Draft) -> Draft {
    let mut stale = Draft::default();
    let stale_for = args.stale_for.unwrap_or(STALE_FOR);
    let config = Config::read(draft).ok().filter(|_| !stale_for.is_zero());
    for name in CACHES {
        if let Some(life) = config.as_ref().and_then(|config| life(config, name)) {
            let age = life.saturating_add(stale_for);
            stale.set(
                &format!("caches.{name}.loading.stale_if_error"),
                format!("{}ms", age.as_millis()),
            );
        }
    }
    stale.origin("--stale-for and the TTL")
}

fn read(path: &Path) -> Result<Draft, Failure> {
    let name = format!("file {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!(
            "cannot read the {name}: {error}; check the path that --config gives"
        ))
    })?;
    parse(&text, &name)
}

fn parse(text: &str, name: &str) -> Result<Draft, Failure> {
    let draft: Draft = toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].lines().count().max(1));
        Failure::Usage(format!("{name} is no TOML: line {line}: {}", error.message()))
    })?;
    Ok(draft.origin(name))
}

/// Returns what the flags say. Those that are not given say nothing.
fn flags(args: &Args) -> Draft {
    let mut draft = Draft::default();
    let mut set = |flag: &str, paths: &[String], value: Option<String>| {
        if let Some(value) = value {
            let mut said = Draft::default();
            for path in paths {
                said.set(path, value.clone());
            }
            let said = said.origin(format!("{flag}, or the variable that stands for it"));
            draft = mem::take(&mut draft).overlay(said);
        }
    };
    // For each cache and not as defaults, so that they win over what a file says of one cache.
    let each = |setting: &str| CACHES.map(|cache| format!("caches.{cache}.{setting}"));
    let products = |setting: &str| [format!("caches.products.{setting}")];
    let url = args.redis_url.as_ref().map(|url| url.0.clone());
    match &args.backend {
        Some(backend) => set("--backend", &each("backend"), Some(backend.clone())),
        None => set(
            "--redis-url",
            &each("backend"),
            url.as_ref().map(|_| "redis".to_owned()),
        ),
    }
    set("--redis-url", &each("redis.url"), url);
    set(
        "--required",
        &each("required"),
        args.required.then(|| "true".to_owned()),
    );
    let ttl = args.ttl.map(|ttl| match ttl {
        Expiration::After(ttl) => format!("{}ms", ttl.as_millis()),
        _ => "never".to_owned(),
    });
    set("--ttl", &products("ttl"), ttl);
    let items = args.max_items.map(|items| items.to_string());
    set("--max-items", &products("memory.max_items"), items);
    let policy = args.policy.map(|policy| policy.to_string());
    set("--policy", &products("memory.policy"), policy);
    draft
}

#[cfg(test)]
mod tests {
    use cache_factory::Factory;
    use clap::Parser;

    use super::*;

    /// Returns how long products live, and up to which age they are given stale.
    fn lives(flags: &[&str]) -> (Expiration, bool) {
        let args = Args::try_parse_from([&["using-cache"], flags].concat()).unwrap();
        let config = Factory::new().read(&draft(&args).unwrap()).unwrap();
        let products = &config.caches["products"];
        let stale = products.loading.as_ref().unwrap().stale_if_error.is_some();
        (products.ttl.unwrap().0, stale)
    }

    #[test]
    fn a_ttl_of_never_or_zero_is_no_end_as_in_a_file() {
        let brief = Expiration::After(Duration::from_millis(250));
        assert_eq!(lives(&["--ttl", "250ms"]), (brief, true));
        for text in ["never", "0", "0s"] {
            assert_eq!(lives(&["--ttl", text]), (Expiration::Never, false), "{text}");
        }
    }
}
