//! What the map keeps of an entry: the entry itself, or its stored form, as a server would keep it.

#![expect(clippy::expect_used, reason = "the name is a constant")]

use bytes::Bytes;
use cache_core::envelope::{self, Opened};
use cache_core::{CacheError, Codec, Entry, ErrorKind, Key, KeyFingerprint, Namespace, Result};

/// How entries are kept.
#[derive(Debug)]
pub(super) enum Form {
    Objects,
    Encoded { codec: Codec, namespace: Namespace },
}

/// An entry as it is kept.
pub(super) enum Formed {
    Object(Entry),
    Encoded(Bytes, KeyFingerprint),
}

impl Form {
    pub(super) fn encoded(codec: Codec) -> Self {
        Self::Encoded {
            codec,
            namespace: Namespace::new("map").expect("the name is not empty"),
        }
    }

    pub(super) fn form(&self, key: Key<'_>, entry: Entry) -> Result<Formed> {
        match self {
            Self::Objects => Ok(Formed::Object(entry)),
            Self::Encoded { codec, namespace } => {
                let fingerprint = KeyFingerprint::new(namespace, key);
                let payload = entry.value().payload(codec)?;
                Ok(Formed::Encoded(
                    envelope::seal(&entry, &payload, fingerprint)?,
                    fingerprint,
                ))
            }
        }
    }
}

impl Formed {
    pub(super) fn entry(&self) -> Result<Entry> {
        let (stored, fingerprint) = match self {
            Self::Object(entry) => return Ok(entry.clone()),
            Self::Encoded(stored, fingerprint) => (stored.clone(), *fingerprint),
        };
        // A server's bytes may be foreign, which is a miss. These never left the process, so it is a defect.
        match envelope::open(stored, fingerprint) {
            Ok(Opened::Entry(entry)) => Ok(entry),
            Ok(Opened::Compressed(_) | Opened::Plain(_)) => Err(CacheError::new(
                ErrorKind::Backend,
                "the stored form has lost its header",
            )),
            Err(rejection) => Err(
                CacheError::new(ErrorKind::Backend, "the stored form does not open").with_source(rejection),
            ),
        }
    }
}
