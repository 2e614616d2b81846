//! How values are loaded, out of the section `loading`.

use cache_core::{Abandon, CacheBuilder, CacheError, ErrorKind, Expiration, LoadOptions, Result};

use crate::config::{CacheConfig, LoadingConfig};
use crate::word::OnAbandon;

/// Applies the settings that are given, each by the method of its name.
macro_rules! apply {
    ($builder:ident, $config:ident: $($setting:ident $(. $inner:tt)?,)+) => {
        $(if let Some(given) = $config.$setting {
            $builder = $builder.$setting(given$(.$inner)?);
        })+
    };
}

/// Puts the section into a cache that is being built.
pub(crate) fn configure(mut cache: CacheBuilder, config: &LoadingConfig) -> CacheBuilder {
    cache = cache.loading(options(config));
    if let Some(most) = config.max_concurrent_loads {
        cache = cache.max_concurrent_loads(most);
    }
    if let Some(wait) = config.load_wait {
        cache = cache.load_wait(wait.0);
    }
    cache
}

/// Says whether the section makes sense together with the life of the cache.
pub(crate) fn check(config: &CacheConfig) -> Result<()> {
    let Some(loading) = &config.loading else {
        return Ok(());
    };
    if loading.max_concurrent_loads == Some(0) {
        let message = "max_concurrent_loads is 0, so nothing would ever be loaded; give at least 1";
        return Err(CacheError::new(ErrorKind::InvalidLimit, message));
    }
    options(loading).check_for(config.ttl.map_or(Expiration::Default, |ttl| ttl.0))
}

pub(crate) fn options(config: &LoadingConfig) -> LoadOptions {
    let mut options = LoadOptions::new();
    apply!(options, config:
        ttl.0,
        negative_ttl.0,
        jitter,
        stale_while_revalidate.0,
        stale_if_error.0,
        retry_after.0,
        soft_timeout.0,
        hard_timeout.0,
        refresh_ahead,
        error_memory.0,
        strict,
    );
    match config.on_abandon {
        Some(OnAbandon::Abort) => options.on_abandon(Abandon::Abort),
        Some(OnAbandon::Finish) => options.on_abandon(Abandon::Finish),
        None => options,
    }
}
