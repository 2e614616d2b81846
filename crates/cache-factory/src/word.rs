//! Settings that are a choice between words.

use crate::setting::words;

words! {
    /// How values become bytes.
    pub enum CodecName {
        /// JSON: people can read it, and it survives added fields.
        Json = "json",
        /// Postcard: small and fast, for types that do not change. It needs the feature `postcard`.
        Postcard = "postcard",
        /// MessagePack with field names: small, and it survives added fields. It needs the feature `message-pack`.
        MessagePack = "messagepack",
    }
}

words! {
    /// Which entry makes room for another.
    pub enum Policy {
        /// The least recently used one.
        Lru = "lru",
        /// The least frequently used one.
        TinyLfu = "tinylfu",
    }
}

words! {
    /// What becomes of a load when all who waited for it have gone.
    pub enum OnAbandon {
        /// It is given up.
        Abort = "abort",
        /// It goes on, and its value is stored.
        Finish = "finish",
    }
}

words! {
    /// What spans and log events say of keys.
    pub enum KeysInLogs {
        /// Their length and hash.
        Redacted = "redacted",
        /// The keys themselves.
        Shown = "shown",
    }
}
