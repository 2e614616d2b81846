//! The codec that a word of the configuration names.

use cache_core::Codec;

use crate::config::CacheConfig;
#[cfg(not(all(feature = "postcard", feature = "message-pack")))]
use crate::kind;
use crate::word::CodecName;

/// Returns the codec of a cache.
///
/// # Errors
/// A message that says which feature is missing.
pub(crate) fn codec(config: &CacheConfig) -> Result<Codec, String> {
    let codec = match config.codec {
        None | Some(CodecName::Json) => Codec::json(),
        Some(CodecName::Postcard) => postcard()?,
        Some(CodecName::MessagePack) => message_pack()?,
    };
    // What the server may hold, the codec may read. That it holds less, the backend says in its own words.
    let most = config.redis.as_ref().and_then(|redis| redis.max_value_len);
    let most = most.map_or(0, |size| usize::try_from(size.0).unwrap_or(usize::MAX));
    Ok(codec.with_max_len(most.max(Codec::DEFAULT_MAX_LEN)))
}

#[cfg(feature = "postcard")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn postcard() -> Result<Codec, String> {
    Ok(Codec::postcard())
}

#[cfg(not(feature = "postcard"))]
fn postcard() -> Result<Codec, String> {
    Err(kind::needs("postcard", "postcard"))
}

#[cfg(feature = "message-pack")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn message_pack() -> Result<Codec, String> {
    Ok(Codec::message_pack())
}

#[cfg(not(feature = "message-pack"))]
fn message_pack() -> Result<Codec, String> {
    Err(kind::needs("messagepack", "message-pack"))
}

#[cfg(test)]
mod tests {
    use crate::draft::Draft;
    use crate::factory::Factory;

    #[test]
    fn what_is_not_compiled_in_says_which_feature_it_needs() {
        for (setting, word, feature, is_compiled_in) in [
            ("codec", "postcard", "postcard", cfg!(feature = "postcard")),
            (
                "codec",
                "messagepack",
                "message-pack",
                cfg!(feature = "message-pack"),
            ),
            ("backend", "redis", "redis", cfg!(feature = "redis")),
            ("backend", "memory", "memory", cfg!(feature = "memory")),
            ("metrics", "true", "metrics", cfg!(feature = "metrics")),
            ("tracing", "true", "tracing", cfg!(feature = "tracing")),
            ("keys_in_logs", "shown", "tracing", cfg!(feature = "tracing")),
            ("failure_interval", "1m", "tracing", cfg!(feature = "tracing")),
        ] {
            let mut draft = Draft::default();
            draft.set("caches.users.backend", "memory");
            draft.set(&format!("caches.users.{setting}"), word);
            let read = Factory::new().read(&draft);
            let told = read.err().map(|errors| errors.to_string()).unwrap_or_default();
            let expected = format!("needs the feature `{feature}` of cache-factory");
            let says_so = told.contains(&format!("caches.users.{setting}: ")) && told.contains(&expected);
            assert_eq!(says_so, !is_compiled_in, "{setting} = {word}: {told}");
        }
    }
}
