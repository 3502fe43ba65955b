//! Options of lists and watches that do not go together.

use crate::field::{self, Error, Path};
use crate::rest::Call;

/// What a list may not say.
pub(super) fn for_list(call: &Call) -> field::Errors {
    let query = &call.query;
    let path = Path::new("resourceVersionMatch");
    let mut errors = Vec::new();
    let wanted = query.text("resourceVersionMatch");
    if !wanted.is_empty() {
        if query.text("resourceVersion").is_empty() {
            errors
                .push(Error::forbidden(&path, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if !query.text("continue").is_empty() {
            errors.push(Error::forbidden(&path, "resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(wanted, "Exact" | "NotOlderThan") {
            errors.push(Error::not_supported(&path, wanted, &["Exact", "NotOlderThan", ""]));
        }
        if wanted == "Exact" && query.text("resourceVersion") == "0" {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(Error::forbidden(&path, detail));
        }
    }
    if query.get("sendInitialEvents").is_some() {
        errors.push(Error::forbidden(&Path::new("sendInitialEvents"), "sendInitialEvents is forbidden for list"));
    }
    errors
}

/// What a watch may not say.
pub(super) fn for_watch(call: &Call) -> field::Errors {
    let query = &call.query;
    let path = Path::new("resourceVersionMatch");
    let mut errors = Vec::new();
    let wanted = query.text("resourceVersionMatch");
    let initial = query.get("sendInitialEvents").is_some();
    if initial && wanted != "NotOlderThan" {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(Error::forbidden(&path, detail));
    }
    if !wanted.is_empty() {
        if !initial {
            let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(Error::forbidden(&path, detail));
        }
        if wanted != "NotOlderThan" {
            errors.push(Error::not_supported(&path, wanted, &["NotOlderThan"]));
        }
        if !query.text("continue").is_empty() {
            errors.push(Error::forbidden(&path, "resourceVersionMatch is forbidden when continue is provided"));
        }
    }
    errors
}
