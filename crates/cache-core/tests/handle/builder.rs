//! Settings that are refused, and what the errors say to do.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Cache, CacheBackend, CacheBuilder, CacheError, ErrorKind, Expiration, Layer, LayerContext, Operation,
    Result,
};

use crate::doubles::{Answers, Scripted};

fn builder() -> CacheBuilder {
    Cache::builder(Scripted::new(Answers::All))
}

fn refused(builder: CacheBuilder) -> CacheError {
    builder.build().unwrap_err()
}

#[test]
fn names_of_another_form_are_refused() {
    let too_long = "a".repeat(64);
    let names = [
        "", "7users", "-users", "_users", "Users", "uSers", "us ers", "us:ers", "us.ers", "usérs", "users\n",
        "us\0ers", &too_long,
    ];
    for name in names {
        assert_eq!(
            refused(builder().name(name)).kind(),
            ErrorKind::InvalidName,
            "{name:?}"
        );
    }
}

#[test]
fn names_of_the_right_form_are_kept() {
    let longest = "a".repeat(63);
    for name in ["a", "users", "u7", "user-sessions_2", &longest] {
        assert_eq!(builder().name(name).build().unwrap().name(), name);
    }
}

#[test]
fn a_cache_without_a_name_is_called_default() {
    assert_eq!(builder().build().unwrap().name(), "default");
}

#[test]
fn the_error_for_a_name_says_which_letters_are_allowed() {
    let message = refused(builder().name("Users")).to_string();
    assert!(
        message.contains("lower-case letters, digits, `_` or `-`"),
        "{message}"
    );
}

#[test]
fn a_name_with_a_line_break_does_not_break_the_line_of_the_error() {
    let message = refused(builder().name("users\nFATAL: forged")).to_string();
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn a_default_ttl_of_zero_is_refused() {
    assert_eq!(
        refused(builder().ttl(Duration::ZERO)).kind(),
        ErrorKind::InvalidTtl
    );
}

#[test]
fn the_error_for_a_default_ttl_of_zero_names_the_way_to_say_never() {
    let message = refused(builder().ttl(Duration::ZERO)).to_string();
    assert!(message.contains("Expiration::Never"), "{message}");
}

#[test]
fn the_shortest_the_longest_and_no_ttl_are_taken() {
    for ttl in [
        Duration::from_nanos(1).into(),
        Duration::MAX.into(),
        Expiration::Never,
        Expiration::Default,
    ] {
        assert!(builder().ttl(ttl).build().is_ok(), "{ttl:?}");
    }
}

#[test]
fn a_longest_key_of_zero_bytes_is_refused() {
    assert_eq!(refused(builder().max_key_len(0)).kind(), ErrorKind::InvalidLimit);
}

#[test]
fn the_error_for_a_longest_key_of_zero_bytes_names_the_setting() {
    let message = refused(builder().max_key_len(0)).to_string();
    assert!(message.contains("max_key_len is 0"), "{message}");
    assert!(message.contains("give the longest key in bytes"), "{message}");
}

#[test]
fn every_error_names_the_operation_and_the_cache() {
    let error = refused(builder().name("users").max_key_len(0));
    assert_eq!(
        (error.operation(), error.cache()),
        (Some(Operation::Build), Some("users"))
    );
}

#[test]
fn the_last_of_two_settings_counts() {
    let cache = builder()
        .name("Wrong")
        .name("right")
        .max_key_len(0)
        .max_key_len(1)
        .build()
        .unwrap();
    assert_eq!(cache.name(), "right");
}

/// A layer that cannot do its work.
struct Refusing;

impl Layer for Refusing {
    fn layer(&self, _: Arc<dyn CacheBackend>, _: &mut LayerContext) -> Result<Arc<dyn CacheBackend>> {
        Err(CacheError::new(ErrorKind::InvalidConfig, "not with me").with_source("the cause"))
    }
}

#[test]
fn the_error_of_a_layer_is_the_error_of_the_build() {
    let error = refused(builder().layer(Refusing));
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::InvalidConfig, Some(Operation::Build))
    );
    assert_eq!(error.source().unwrap().to_string(), "the cause");
}
