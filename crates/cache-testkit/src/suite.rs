//! The list of all cases, in one place, and the macro that makes a test of each.

/// Makes a module with one test for each case of the suite, grouped as in
/// [`conformance`](mod@crate::conformance).
///
/// The second argument is an expression that makes a [`Fixture`](crate::Fixture). Each test evaluates it anew, where
/// it may await, and with what is in scope around the macro. See the [crate](crate) for an example.
#[macro_export]
macro_rules! conformance {
    ($module:ident, $fixture:expr $(,)?) => {
        mod $module {
            use super::*;

            $crate::__for_each_case! { [$crate::__tests] $fixture }
        }
    };
}

/// Turns the list of cases into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($fixture:expr; $($group:ident { $($case:ident,)+ })+) => {
        $(
            mod $group {
                use super::*;

                $(
                    #[test]
                    fn $case() {
                        $crate::run(async { $crate::conformance::$group::$case(&$fixture).await });
                    }
                )+
            }
        )+
    };
}

/// Hands the list of cases to a macro. A new case is added here; a test finds those that are not.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_case {
    ([$($callback:tt)+] $($argument:expr)?) => {
        $($callback)+! {
            $($argument)?;
            get {
                an_absent_key_is_none,
                the_last_set_is_returned,
                each_get_returns_the_same,
                stamps_and_end_are_kept,
                an_older_entry_keeps_its_age,
                no_end_is_kept,
                keys_of_any_bytes_work,
                keys_that_look_alike_are_others,
                a_key_of_10_000_bytes_works,
                a_key_of_32_kib_works,
            }
            set {
                the_next_get_returns_it,
                it_replaces_an_older_entry_with_its_stamps,
                an_entry_that_is_over_leaves_nothing,
                other_keys_stay,
                an_entry_that_was_read_does_not_change,
                an_entry_moves_from_key_to_key,
                a_value_of_1_mib_works,
                an_empty_value_is_a_value,
            }
            delete {
                a_deleted_key_is_a_miss,
                it_is_true_for_an_entry_that_was_there,
                it_is_false_for_an_absent_key,
                a_second_delete_is_false,
                other_keys_stay,
                a_deleted_key_can_be_set_again,
            }
            exists {
                it_agrees_with_get_after_every_write,
                it_tells_keys_apart,
                it_leaves_an_absent_key_absent,
            }
            many {
                get_many_answers_in_the_order_of_the_keys,
                each_answer_of_get_many_is_that_of_a_get,
                no_keys_give_no_answers,
                set_many_stores_each_as_a_set_does,
                set_many_leaves_nothing_of_entries_that_are_over,
                set_many_leaves_other_keys,
                of_two_entries_for_one_key_the_later_stays,
                delete_many_says_what_went,
                of_two_deletes_of_one_key_the_first_says_true,
                a_thousand_keys_work,
                a_failure_of_one_entry_does_not_fail_the_others,
            }
            clear {
                clearing_an_empty_cache_succeeds,
                every_earlier_key_is_a_miss,
                it_removes_thousands,
                new_entries_can_be_stored,
            }
            life {
                an_entry_is_there_until_its_end_and_not_from_then_on,
                each_method_sees_the_end_by_itself,
                what_is_over_does_not_come_back,
                exists_agrees_with_get_at_every_point,
                a_delete_before_the_end_is_true,
                a_delete_after_the_end_is_false,
                reading_does_not_extend_a_life,
                a_set_restarts_the_life,
                a_longer_life_replaces_a_shorter_one,
                a_shorter_life_replaces_a_longer_one,
                no_end_replaces_an_end,
                an_end_replaces_no_end,
                a_key_can_be_set_again_after_its_end,
                a_life_ends_with_a_delete,
                an_older_entry_keeps_what_remains_of_its_life,
                a_stale_entry_is_there,
                each_of_many_has_its_own_life,
                an_end_at_any_distance_works,
                an_entry_without_an_end_stays,
            }
            close {
                every_operation_fails_as_closed,
                an_unused_backend_closes,
                a_second_close_succeeds,
                two_closes_at_once_succeed,
                kind_clock_and_stats_work_after_close,
                clones_of_the_handle_are_closed,
                operations_under_way_end,
            }
            about {
                the_kind_is_a_word,
                the_clock_goes_on_with_the_time_of_the_fixture,
                a_ping_succeeds,
                a_ping_changes_nothing,
                items_follow_sets_deletes_and_clears,
            }
            neighbour {
                keys_are_ones_own,
                a_delete_leaves_the_other,
                a_clear_leaves_the_other,
                a_close_leaves_the_other,
            }
            uses {
                exists_is_no_use_for_eviction,
                a_get_is_a_use_for_eviction,
                a_set_is_a_use_and_evicts_nothing,
                exists_is_no_use_for_time_to_idle,
                a_get_is_a_use_for_time_to_idle,
            }
            concurrent {
                writers_of_their_own_keys_all_read_back,
                values_are_never_torn_or_foreign,
                of_many_deletes_at_once_one_says_true,
                a_reader_never_sees_an_older_value_again,
                a_finished_write_is_seen_by_other_tasks,
                clears_among_writes_succeed,
            }
            cancel {
                futures_dropped_unpolled_leave_nothing_behind,
                futures_dropped_after_one_poll_leave_nothing_behind,
                futures_dropped_after_some_polls_leave_nothing_behind,
                a_dropped_write_has_happened_or_not,
                reads_given_up_exhaust_nothing,
                aborted_tasks_leave_nothing_behind,
                a_dropped_close_can_be_repeated,
                a_call_made_ready_and_not_awaited_makes_none,
            }
            keys {
                the_empty_key_is_the_same_error_everywhere,
                a_key_above_the_limit_is_the_same_error_everywhere,
                a_key_as_long_as_the_limit_works,
                an_error_shows_a_short_form_of_the_key,
            }
            typed {
                integers_come_back,
                floats_come_back_bit_by_bit,
                booleans_and_characters_come_back,
                strings_come_back,
                bytes_come_back,
                structs_and_enums_come_back,
                lists_come_back,
                maps_come_back,
                a_cached_none_is_a_hit,
                one_cache_holds_several_types,
                shared_values_come_back,
                later_changes_of_what_was_set_are_not_seen,
                changes_of_what_was_read_are_not_seen,
            }
            ttl {
                zero_stores_nothing,
                zero_removes_an_older_value,
                less_than_a_millisecond_is_a_millisecond,
                four_hundred_milliseconds_are_that,
                thirty_days_and_a_second_are_a_distance,
                ten_years_are_that,
                the_longest_duration_has_no_end,
                the_ttl_of_a_call_overrides_the_default,
                the_last_of_two_ttls_counts,
                the_default_is_a_minute,
                never_as_the_default_has_no_end,
                the_ttl_of_a_batch_counts_for_each_value,
                a_set_restarts_the_default_life,
            }
            batch {
                an_empty_batch_makes_no_call,
                a_batch_is_one_call,
                values_come_in_the_order_of_the_keys,
                a_bad_key_fails_alone,
                set_many_reports_exactly_the_keys_that_failed,
                a_key_that_fails_fails_alone,
                a_failure_of_the_whole_is_the_answer_of_each_key,
                a_value_of_another_type_fails_alone,
                delete_many_tells_how_many_existed,
                of_two_values_for_one_key_the_later_stays,
            }
            load {
                a_missing_value_is_loaded_and_stored,
                callers_share_one_load,
                a_delete_during_a_load_wins,
                a_clear_during_a_load_wins,
                a_set_during_a_load_wins,
                a_load_that_fails_stores_nothing,
                that_there_is_nothing_is_remembered,
                a_stale_value_is_given_while_it_is_renewed,
                many_keys_are_loaded_with_one_call,
                a_backend_that_fails_does_not_fail_a_load,
                callers_that_go_leave_nothing_behind,
                calls_are_linearizable,
            }
            stale_loads {
                a_stale_value_is_given_if_the_load_fails,
                a_stale_value_that_is_deleted_is_not_given,
                a_stale_value_that_is_cleared_is_not_given,
            }
            tags {
                a_value_with_tags_is_there,
                an_invalidated_tag_makes_its_values_misses,
                one_of_several_tags_is_enough,
                several_tags_are_invalidated_at_once,
                values_stored_afterwards_are_there,
                another_write_has_other_tags,
                an_unused_tag_can_be_invalidated,
                tags_of_any_text_work,
                a_value_with_many_tags_is_there,
                values_of_different_lives_share_a_tag,
                handles_of_one_backend_agree,
                tags_are_ones_own,
                a_clear_leaves_tags_usable,
                writers_of_one_new_tag_all_read_back,
            }
            tagged_loads {
                a_loaded_value_carries_tags,
                an_invalidation_during_a_load_wins,
                a_remembered_nothing_can_be_invalidated,
                an_invalidated_stale_value_is_not_given,
                many_loaded_values_carry_tags,
            }
            errors {
                a_type_that_does_not_fit_is_a_mismatch,
                a_type_that_fits_is_read,
                a_mismatch_changes_nothing,
                bytes_that_do_not_decode_are_a_decode_error,
                bytes_of_an_unknown_codec_are_a_decode_error,
                bytes_of_another_codec_are_read,
                bytes_above_the_limit_are_refused,
                a_value_that_does_not_encode_fails_its_write,
                a_decode_error_names_the_key_and_not_the_value,
                a_failure_of_the_backend_says_where,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    macro_rules! names {
        (; $($group:ident { $($case:ident,)+ })+) => {
            [$($((stringify!($group), stringify!($case)),)+)+]
        };
    }

    /// A case that is not in the list would never run.
    #[test]
    fn every_case_is_in_the_list() {
        let listed: BTreeSet<(String, String)> = crate::__for_each_case!([names])
            .map(|(group, case)| (group.to_owned(), case.to_owned()))
            .into();
        let mut written = BTreeSet::new();
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance")).unwrap() {
            let path = file.unwrap().path();
            let group = path.file_stem().unwrap().to_str().unwrap();
            for line in fs::read_to_string(&path).unwrap().lines() {
                if let Some(rest) = line.strip_prefix("pub async fn ") {
                    written.insert((group.to_owned(), rest.split('(').next().unwrap().to_owned()));
                }
            }
        }
        assert!(written.len() > 100, "the cases are elsewhere: {written:?}");
        assert_eq!(listed, written);
    }
}
