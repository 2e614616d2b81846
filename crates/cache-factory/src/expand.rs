//! `${NAME}` in texts of a configuration, which stands for a variable of the environment.

/// Where variables are looked up: the environment of the process, or a test's own.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts variables in their places. `$${` stands for `${`.
///
/// # Errors
/// A message for people if a variable is not set, or if a brace is not closed.
pub(crate) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            done.push_str(before);
            done.push_str("${");
            rest = &from[2..];
            continue;
        }
        let Some((name, after)) = from[2..].split_once('}') else {
            return Err(
                "has `${` without `}`; write ${NAME}, or $${ for the characters themselves".to_owned(),
            );
        };
        done.push_str(before);
        done.push_str(&lookup(name).ok_or_else(|| {
            format!("needs the environment variable {name:?}, which is not set; set it or write $${{ for the characters")
        })?);
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

/// Says whether a text holds a variable, so that its value is no business of messages.
pub(crate) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        expand(text, &|name| (name == "USER").then(|| "ada".to_owned()))
    }

    #[test]
    fn a_variable_is_put_in_its_place() {
        assert_eq!(
            expanded("redis://${USER}@host").as_deref(),
            Ok("redis://ada@host")
        );
        assert_eq!(expanded("${USER}${USER}").as_deref(), Ok("adaada"));
        assert_eq!(expanded("plain $5 {x}").as_deref(), Ok("plain $5 {x}"));
    }

    #[test]
    fn two_dollars_are_one() {
        assert_eq!(expanded("$${USER}").as_deref(), Ok("${USER}"));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        assert!(expanded("${PASSWORD}").unwrap_err().contains("\"PASSWORD\""));
        assert!(expanded("${USER").unwrap_err().contains("without `}`"));
    }
}
