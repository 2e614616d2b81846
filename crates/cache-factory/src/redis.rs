//! The backend `redis` out of its section.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;

use cache_core::{CacheBackend, CacheError, ErrorKind, Result};
use cache_redis::{BreakerSettings, RedisBackend, RedisBuilder, Tls};

use crate::config::{BreakerConfig, RedisConfig};
use crate::kind::BackendContext;
use crate::setting::Secret;

/// Makes the backend. It connects when it is first asked.
pub(crate) fn make(context: &BackendContext<'_>) -> Result<Arc<dyn CacheBackend>> {
    Ok(Arc::new(builder(context)?.build()?))
}

/// Says whether it could be made.
pub(crate) fn check(context: &BackendContext<'_>) -> Result<()> {
    builder(context)?.build().map(drop)
}

/// Applies the settings that are given, each by the method of its name.
macro_rules! apply {
    ($builder:ident, $config:ident: $($setting:ident $(. $inner:tt)?,)+) => {
        $(if let Some(given) = $config.$setting.clone() {
            $builder = $builder.$setting(given$(.$inner)?);
        })+
    };
}

/// The port of a server whose address names none.
const DEFAULT_PORT: u16 = 6379;

pub(crate) fn builder(context: &BackendContext<'_>) -> Result<RedisBuilder> {
    let config = context.config().redis.clone().unwrap_or_default();
    // Caches of one server stay apart without a word about it.
    let namespace = config
        .namespace
        .clone()
        .unwrap_or_else(|| context.cache_name().to_owned());
    let mut builder = RedisBackend::builder()
        .namespace(namespace)
        .codec(context.codec());
    let places = [
        config.url.is_some(),
        config.address.is_some(),
        config.unix_socket.is_some(),
        config.cluster.is_some(),
        config.sentinel.is_some(),
    ];
    if places.into_iter().filter(|given| *given).count() > 1 {
        return Err(wrong(
            "more than one of url, address, unix_socket, cluster and sentinel is set; give one",
        ));
    }
    if let Some(address) = &config.address {
        let (host, port) = host_and_port(address)?;
        builder = builder.host(host).port(port);
    }
    if let Some(password) = secret(
        "password",
        config.password.as_ref(),
        config.password_file.as_deref(),
    )? {
        builder = builder.password(password.0);
    }
    apply!(builder, config:
        url.0,
        unix_socket,
        user,
        db,
        resp3,
        connections,
        max_connections,
        read_budget.0,
        write_budget.0,
        clear_budget.0,
        connect_timeout.0,
        count_interval.0,
        raw,
    );
    if let Some(size) = config.max_value_len {
        builder = builder.max_value_len(usize::try_from(size.0).unwrap_or(usize::MAX));
    }
    if let Some(size) = config.compress_from {
        builder = builder.compress_from(usize::try_from(size.0).unwrap_or(usize::MAX));
    }
    if let Some(breaker) = &config.breaker {
        builder = builder.breaker(breaker_settings(breaker));
    }
    reached(builder, &config)
}

/// Where the server is that needs more than one setting, and how the way to it is secured.
fn reached(mut builder: RedisBuilder, config: &RedisConfig) -> Result<RedisBuilder> {
    if let Some(nodes) = &config.cluster {
        builder = builder.cluster(exposed(nodes));
    }
    if let Some(sentinel) = &config.sentinel {
        let master = sentinel.master.clone().unwrap_or_default();
        let nodes = sentinel.nodes.clone().unwrap_or_default();
        builder = builder.sentinel(master, exposed(&nodes));
        let password = secret(
            "sentinel.password",
            sentinel.password.as_ref(),
            sentinel.password_file.as_deref(),
        )?;
        match (&sentinel.user, password) {
            (user, Some(password)) => {
                builder = builder.sentinel_credentials(user.clone().unwrap_or_default(), password.0);
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(wrong(
                    "sentinel.user is set without a password; set sentinel.password too, or leave both out",
                ));
            }
        }
    }
    if let Some(tls) = &config.tls {
        let mut settings = Tls::new();
        if let Some(path) = &tls.ca {
            settings = settings.ca_file(path);
        }
        match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => settings = settings.client_certificate(certificate, key),
            (None, None) => {}
            _ => {
                return Err(wrong(
                    "tls.certificate and tls.key belong together; give both or none",
                ));
            }
        }
        builder = builder.tls(settings);
    }
    Ok(builder)
}

fn exposed(nodes: &[Secret]) -> impl Iterator<Item = &str> {
    nodes.iter().map(|node| node.0.as_str())
}

/// Returns a password that is given, or stands in a file that is given.
fn secret(setting: &str, given: Option<&Secret>, file: Option<&str>) -> Result<Option<Secret>> {
    match (given, file) {
        (Some(_), Some(_)) => Err(wrong(format!(
            "{setting} and {setting}_file are both set; drop one of them"
        ))),
        (given, None) => Ok(given.cloned()),
        (None, Some(path)) => {
            let text = fs::read_to_string(path).map_err(|cause| {
                wrong(format!(
                    "{path:?} cannot be read ({cause}); check that it exists and its rights"
                ))
            })?;
            // Editors and `echo` end a file with a line break, which is no part of the password.
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                let message = format!("{path:?} is empty; write the password into it");
                return Err(wrong(message));
            }
            Ok(Some(Secret(text.to_owned())))
        }
    }
}

/// Takes an address apart: `host`, `host:port` or `[::1]:port`.
fn host_and_port(address: &str) -> Result<(String, u16)> {
    let bad = || wrong("address is no `host:port`; give one, such as localhost:6379 or [::1]:6379");
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().map_err(|_| bad())?)
        }
        _ => (address, DEFAULT_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(bad());
    }
    Ok((host.to_owned(), port))
}

fn breaker_settings(config: &BreakerConfig) -> BreakerSettings {
    if config.enabled == Some(false) {
        return BreakerSettings::off();
    }
    let mut settings = BreakerSettings::default();
    apply!(settings, config:
        failures_in_a_row,
        calls_in_window,
        probe_interval.0,
    );
    settings
}

fn wrong(message: impl Into<Cow<'static, str>>) -> CacheError {
    CacheError::new(ErrorKind::InvalidConfig, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_port() {
        for (address, host, port) in [
            ("localhost", "localhost", 6379),
            ("cache.internal:7000", "cache.internal", 7000),
            ("[::1]:7000", "::1", 7000),
            ("::1", "::1", 6379),
        ] {
            assert_eq!(
                host_and_port(address).unwrap(),
                (host.to_owned(), port),
                "{address}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in ["", ":6379", "host:port", "host:70000"] {
            assert!(host_and_port(address).is_err(), "{address}");
        }
    }

    #[test]
    fn the_line_break_at_the_end_of_a_file_is_no_part_of_the_password() {
        let path = std::env::temp_dir().join(format!("cache-factory-{}", std::process::id()));
        fs::write(&path, "canary \r\n").unwrap();
        let read = secret("password", None, path.to_str());
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap(), Some(Secret("canary ".to_owned())));
    }
}
