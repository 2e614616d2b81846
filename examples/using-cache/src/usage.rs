//! What is wrong with the command line, on one line: a service is often started by a supervisor that shows no more.

use std::env;
use std::ffi::OsString;

use clap::error::ContextKind;
use clap::{CommandFactory, Error};

use crate::args::Args;

/// Puts what clap says in several lines on one, and names the environment variable if the value came from there.
pub(crate) fn one_line(error: &Error) -> String {
    let text = error.to_string();
    let kept = text
        .lines()
        .map(str::trim)
        .filter(|line| {
            !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more information")
        })
        .map(|line| line.trim_start_matches("error: "));
    let mut line = kept.collect::<Vec<_>>().join("; ").replace(":; ", ": ");
    if let Some(variable) = culprit(error, env::args_os().skip(1)) {
        line = format!("{line} (the value comes from the environment variable {variable})");
    }
    line + "; see --help"
}

/// Returns the environment variable that an error is about, unless the flag was given, which would win.
fn culprit(error: &Error, mut given: impl Iterator<Item = OsString>) -> Option<String> {
    let about = error.get(ContextKind::InvalidArg)?.to_string();
    let mut command = Args::command();
    command.build();
    let setting = command
        .get_arguments()
        .find(|setting| setting.to_string() == about)?;
    let flag = format!("--{}", setting.get_long()?);
    let is_flag = |word: OsString| {
        word.to_str()
            .is_some_and(|word| word.split('=').next() == Some(&flag))
    };
    let variable = setting.get_env()?;
    (env::var_os(variable).is_some() && !given.any(is_flag)).then(|| variable.to_string_lossy().into_owned())
}
