//! The subcommand by which a container engine learns whether the service is well.

use cache_testkit::proxy::RefusingAddress;

use crate::support::{Service, command, run};

#[test]
fn a_service_that_is_well_is_told_by_the_exit_code_alone() {
    let service = Service::start(&["--rate", "0"]);
    let ended = run(command(&[
        "--listen",
        &service.address.to_string(),
        "healthcheck",
    ]));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stdout.is_empty() && ended.stderr.is_empty());
}

#[test]
fn a_service_that_is_not_there_is_unwell_and_one_line_says_so() {
    let nobody = RefusingAddress::new();
    let ended = run(command(&[
        "--listen",
        &nobody.address().to_string(),
        "healthcheck",
    ]));
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the service does not answer"),
        "{}",
        ended.stderr
    );
}
