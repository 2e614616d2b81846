//! The units of panels, under the names that Grafana has for them.

/// What the numbers of a panel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A share of a whole, 0 to 1, shown in percent.
    Ratio,
    /// A factor, as that of a burn rate.
    Factor,
    /// A time.
    Seconds,
    /// A time that is shown in days and hours.
    Age,
    /// An amount of memory.
    Bytes,
    /// An amount of memory each second.
    BytesPerSecond,
    /// Things that happen each second.
    PerSecond,
    /// Text, which has none.
    Text,
}

impl Unit {
    /// Returns Grafana's name.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::Ratio => "percentunit",
            Self::Factor => "suffix:x",
            Self::Seconds => "s",
            Self::Age => "dtdurations",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::PerSecond => "ops",
            Self::Text => "none",
        }
    }
}
