//! The formats of the codecs, each with the limits and the silence that hostile bytes and secrets demand.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::custom::{self, CustomCodec, Encodable};
use super::{CodecId, depth};

/// How deep stored values may nest. `serde_json` has this limit for arrays and objects, but not for all that nests.
const MAX_DEPTH: u32 = 128;

/// How many elements and keys a value of so many bytes may have. One takes at least a byte, except in postcard, where
/// those of a few odd types take none.
fn max_elements(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).saturating_mul(8).saturating_add(65_536)
}

/// A format and what makes it safe to read.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Json,
    #[cfg(feature = "postcard")]
    Postcard,
    #[cfg(feature = "message-pack")]
    MessagePack,
    Custom(Arc<dyn CustomCodec>),
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Format {
    pub(super) fn id(&self) -> CodecId {
        match self {
            Self::Json => CodecId::JSON,
            #[cfg(feature = "postcard")]
            Self::Postcard => CodecId::POSTCARD,
            #[cfg(feature = "message-pack")]
            Self::MessagePack => CodecId::MESSAGE_PACK,
            Self::Custom(custom) => custom.id(),
        }
    }

    /// Says whether bytes of one type can be read as another without lying.
    pub(super) fn describes_itself(&self) -> bool {
        match self {
            Self::Json => true,
            #[cfg(feature = "postcard")]
            Self::Postcard => false,
            #[cfg(feature = "message-pack")]
            Self::MessagePack => true,
            Self::Custom(custom) => custom.describes_itself(),
        }
    }

    pub(super) fn encode<T: Serialize>(&self, value: &T) -> Result<Bytes, BoxError> {
        match self {
            Self::Json => Ok(serde_json::to_vec(value)?.into()),
            #[cfg(feature = "postcard")]
            Self::Postcard => Ok(postcard::to_allocvec(value)?.into()),
            #[cfg(feature = "message-pack")]
            Self::MessagePack => Ok(rmp_serde::to_vec_named(value)?.into()),
            Self::Custom(custom) => custom.encode(Encodable::new(value)),
        }
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, BoxError> {
        match self {
            Self::Json => {
                let mut deserializer = serde_json::Deserializer::from_slice(bytes);
                let value = depth::deserialize(&mut deserializer, MAX_DEPTH, max_elements(bytes));
                value
                    .and_then(|value| deserializer.end().map(|()| value))
                    .map_err(|cause| where_in_json(&cause))
            }
            #[cfg(feature = "postcard")]
            Self::Postcard => {
                // Its errors never hold a part of the value.
                let mut deserializer = postcard::Deserializer::from_bytes(bytes);
                let value = depth::deserialize(&mut deserializer, MAX_DEPTH, max_elements(bytes))?;
                if deserializer.finalize()?.is_empty() {
                    Ok(value)
                } else {
                    Err(TRAILING.into())
                }
            }
            #[cfg(feature = "message-pack")]
            Self::MessagePack => {
                let mut reader = bytes;
                let mut deserializer = rmp_serde::Deserializer::new(&mut reader);
                let value = depth::deserialize(&mut deserializer, MAX_DEPTH, max_elements(bytes));
                let value = value.map_err(|cause| what_in_message_pack(&cause))?;
                if reader.is_empty() {
                    Ok(value)
                } else {
                    Err(TRAILING.into())
                }
            }
            Self::Custom(custom) => custom::decode(&**custom, bytes),
        }
    }
}

/// Says what is wrong with JSON and where. The words of serde are left out: they quote the value, which may be a secret.
fn where_in_json(cause: &serde_json::Error) -> BoxError {
    let what = match cause.classify() {
        serde_json::error::Category::Data => "it does not fit the type",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    format!("{what}, at line {} column {}", cause.line(), cause.column()).into()
}

/// Says what is wrong with MessagePack, for the same reason without the words of serde.
#[cfg(feature = "message-pack")]
fn what_in_message_pack(cause: &rmp_serde::decode::Error) -> BoxError {
    use rmp_serde::decode::Error;
    match cause {
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => "it ends too early",
        Error::DepthLimitExceeded => "it is nested too deep",
        _ => "it does not fit the type",
    }
    .into()
}

#[cfg(any(feature = "postcard", feature = "message-pack"))]
const TRAILING: &str = "bytes are left over behind the value";
