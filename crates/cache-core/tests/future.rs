//! `CacheFuture`, and how large the types are that every operation moves.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use cache_core::{CacheError, CacheFuture, Entry, ErrorKind, Result, Value};

const WORD: usize = size_of::<usize>();

fn plus_one(answer: Result<u32>) -> Result<u32> {
    answer.map(|n| n + 1)
}

/// Polls a future once, as a runtime does.
fn poll<T>(future: &mut CacheFuture<'_, T>) -> Poll<Result<T>> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_ready_answer_stays_ready_through_every_map() {
    let answer = (0..10).fold(CacheFuture::ready(Ok(0)), |answer, _| answer.map(plus_one));
    assert_eq!(answer.into_ready().unwrap().unwrap(), 10);
}

#[test]
fn a_ready_error_stays_ready_through_a_map() {
    let answer = CacheFuture::<u32>::ready(Err(CacheError::closed())).map(plus_one);
    assert_eq!(
        answer.into_ready().unwrap().unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[test]
fn a_map_changes_a_ready_answer_without_a_poll() {
    let mut changed = false;
    let answer = CacheFuture::ready(Ok(1)).map(|answer| {
        changed = true;
        answer
    });
    drop(answer);
    assert!(changed);
}

#[test]
fn a_ready_answer_is_there_at_the_first_poll() {
    assert!(matches!(poll(&mut CacheFuture::ready(Ok(7))), Poll::Ready(Ok(7))));
}

#[tokio::test]
async fn a_map_changes_a_boxed_answer_when_it_comes() {
    let answer = CacheFuture::boxed(async {
        tokio::task::yield_now().await;
        Ok(1)
    });
    assert_eq!(answer.map(plus_one).await.unwrap(), 2);
}

#[test]
fn a_boxed_answer_is_not_asked_for_before_it_is_polled() {
    let mut asked = false;
    let answer = CacheFuture::boxed(async {
        asked = true;
        Ok(1)
    });
    drop(answer.map(plus_one));
    assert!(!asked);
}

#[tokio::test]
async fn a_boxed_answer_that_is_not_ready_is_given_back_whole() {
    let answer = CacheFuture::boxed(async { Ok(1) }).into_ready().unwrap_err();
    assert_eq!(answer.await.unwrap(), 1);
}

#[test]
fn an_answer_that_waits_stays_pending() {
    assert!(poll(&mut CacheFuture::<u32>::boxed(std::future::pending())).is_pending());
}

#[test]
fn debug_shows_the_form_and_not_the_answer() {
    let secret = CacheFuture::ready(Ok("hunter2"));
    assert_eq!(format!("{secret:?}"), "CacheFuture::Ready");
}

#[test]
fn futures_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<CacheFuture<'static, Option<Entry>>>();
}

#[test]
fn an_error_is_one_word() {
    assert_eq!(size_of::<CacheError>(), WORD);
}

#[test]
fn a_result_without_an_answer_is_one_word() {
    assert_eq!(size_of::<Result<()>>(), WORD);
}

#[test]
fn a_value_is_two_words() {
    assert_eq!(size_of::<Value>(), 2 * WORD);
}

/// An entry has 48 bytes on 64-bit machines: 16 of the value, 24 of three stamps, 4 of the load cost, 4 unused. That
/// it may be missing takes 8 more, which then hold an error too. The sizes are printed (`--nocapture`) for those who
/// change them; every hit moves them through every layer, so they do not grow unnoticed.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_answer_to_a_read_is_at_most_seven_words() {
    println!("Entry                        {:>3} bytes", size_of::<Entry>());
    println!(
        "Option<Entry>                {:>3} bytes",
        size_of::<Option<Entry>>()
    );
    println!(
        "Result<Option<Entry>>        {:>3} bytes",
        size_of::<Result<Option<Entry>>>()
    );
    println!(
        "CacheFuture<()>              {:>3} bytes",
        size_of::<CacheFuture<'_, ()>>()
    );
    println!(
        "CacheFuture<Option<Entry>>   {:>3} bytes",
        size_of::<CacheFuture<'_, Option<Entry>>>()
    );
    assert!(size_of::<Option<Entry>>() <= 7 * WORD);
    assert!(size_of::<CacheFuture<'_, Option<Entry>>>() <= 7 * WORD);
}
