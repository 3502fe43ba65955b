//! `log`, `exec`, `attach`, `portforward`: which container of which node is meant, and whether the options make sense.

use serde_json::Value;

use crate::error::Failure;
use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::schema::time::{Precision, parse};
use crate::validation::number;

/// The lists of containers, as errors name them.
const LISTS: [&str; 3] = ["spec.initContainers", "spec.containers", "spec.ephemeralContainers"];

/// The container that is meant; without a name, the only one.
///
/// # Errors
/// 400 for one that is not there, or where there are several and none is named.
pub fn container<'a>(pod: &'a Value, asked: &'a str) -> Result<&'a str, Failure> {
    let pod_name = pod.str_at("metadata.name");
    let all: Vec<&str> = LISTS.iter().flat_map(|list| pod.list_at(list)).map(|c| c.str_at("name")).collect();
    if !asked.is_empty() {
        return all
            .iter()
            .find(|name| **name == asked)
            .copied()
            .ok_or_else(|| Failure::bad_request(format!("container {asked} is not valid for pod {pod_name}")));
    }
    match pod.list_at("spec.containers") {
        [only] => Ok(only.str_at("name")),
        [] => Err(Failure::bad_request(format!("a container name must be specified for pod {pod_name}"))),
        _ => {
            let list = all.join(" ");
            let message = format!("a container name must be specified for pod {pod_name}, choose one of: [{list}]");
            Err(Failure::bad_request(message))
        }
    }
}

/// The node that a pod is on.
///
/// # Errors
/// 400 if it is on none.
pub fn node(pod: &Value) -> Result<&str, Failure> {
    match pod.str_at("spec.nodeName") {
        "" => {
            let name = pod.str_at("metadata.name");
            Err(Failure::bad_request(format!("pod {name} does not have a host assigned")))
        }
        node => Ok(node),
    }
}

/// Checks the options of `log` for the pod `name`; `get` reads a query parameter.
///
/// # Errors
/// 400 for numbers and times that are none, 422 for those that make no sense.
pub fn check_log_options<'a>(name: &str, get: impl Fn(&str) -> Option<&'a str>) -> Result<(), Failure> {
    let tail = integer(get("tailLines"))?;
    let limit = integer(get("limitBytes"))?;
    let seconds = integer(get("sinceSeconds"))?;
    let since = get("sinceTime").filter(|text| !text.is_empty());
    if let Some(text) = since
        && parse(text, Precision::Seconds).is_err()
    {
        let layout = "2006-01-02T15:04:05Z07:00";
        let message = format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{text}\" as \"2006\"");
        return Err(Failure::bad_request(message));
    }
    let mut errors = number::non_negative(&Path::new("tailLines"), tail);
    errors.extend(positive("limitBytes", limit));
    if seconds.is_some() && since.is_some() {
        let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(Error::forbidden(&Path::new("[]"), detail));
    } else {
        errors.extend(positive("sinceSeconds", seconds));
    }
    if get("stream").is_some_and(|stream| !stream.is_empty()) {
        errors.push(Error::forbidden(&Path::new("stream"), "may not be specified"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::invalid("", "PodLogOptions", name, &errors)) }
}

fn positive(name: &str, value: Option<i64>) -> Errors {
    let bad = value.filter(|value| *value < 1);
    bad.map(|value| Error::invalid(&Path::new(name), value, "must be greater than 0")).into_iter().collect()
}

fn integer(text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let message = format!("strconv.ParseInt: parsing {}: invalid syntax", crate::field::quote(text));
        Failure::bad_request(message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_is_named_or_the_only_one() {
        let one = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}});
        let two = json!({"metadata": {"name": "b"}, "spec": {"initContainers": [{"name": "x"}],
            "containers": [{"name": "c"}, {"name": "d"}]}});
        let rows = [
            (&one, "", Ok("c")),
            (&one, "z", Err("container z is not valid for pod a")),
            (&two, "x", Ok("x")),
            (&two, "", Err("a container name must be specified for pod b, choose one of: [x c d]")),
        ];
        for (pod, asked, expected) in rows {
            let got = container(pod, asked).map_err(|failure| failure.message);
            assert_eq!(got, expected.map_err(str::to_owned), "{asked}");
        }
    }

    #[test]
    fn log_options_that_make_no_sense_are_refused() {
        let rows = [
            (vec![("tailLines", "5")], None),
            (vec![("tailLines", "x")], Some(400)),
            (vec![("tailLines", "-1")], Some(422)),
            (vec![("limitBytes", "0")], Some(422)),
            (vec![("sinceSeconds", "1"), ("sinceTime", "2020-01-01T00:00:00Z")], Some(422)),
            (vec![("sinceTime", "x")], Some(400)),
            (vec![("stream", "Stdout")], Some(422)),
        ];
        for (options, code) in rows {
            let get = |name: &str| options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            let got = check_log_options("a", get).err().map(|failure| failure.code.as_u16());
            assert_eq!(got, code, "{options:?}");
        }
    }
}
