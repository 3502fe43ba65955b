//! CSIDrivers: what a storage driver can do. They are kept for kubelets, which all watch them; nothing here drives one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Generation, Gvk, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{age, cell};
use crate::validation::{each, one_of};

/// The shortest time between two looks at how many volumes a node can have.
const UPDATE_SECONDS_MIN: i64 = 10;
/// How long a token that a driver asks for may last.
const TOKEN_SECONDS_MIN: i64 = 600;
const TOKEN_SECONDS_MAX: i64 = 1 << 32;
const TOKENS_WARNING: &str = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes";

/// The row.
pub(super) fn row() -> Resource {
    const fn boolean(name: &'static str) -> Column {
        Column { name, kind: "boolean", format: "", priority: 0 }
    }
    Resource {
        columns: const {
            &[
                Column::NAME,
                boolean("AttachRequired"),
                boolean("PodInfoOnMount"),
                boolean("StorageCapacity"),
                Column::text("TokenRequests"),
                boolean("RequiresRepublish"),
                Column::text("Modes"),
                Column::AGE,
            ]
        },
        cells: |object, now| {
            let tokens = object.at("spec.tokenRequests").and_then(Value::as_array);
            let audiences = |it: &Vec<Value>| join(it.iter().map(|it| it.str_at("audience")));
            let modes = join(object.list_at("spec.volumeLifecycleModes").iter().filter_map(Value::as_str));
            vec![
                cell::name(object),
                json!(object.bool_at("spec.attachRequired")),
                json!(object.bool_at("spec.podInfoOnMount")),
                json!(object.bool_at("spec.storageCapacity")),
                tokens.map_or_else(|| "<unset>".to_owned(), audiences).into(),
                json!(object.bool_at("spec.requiresRepublish")),
                cell::text_or(&modes, cell::NONE),
                age::of(object, now),
            ]
        },
        strategy: &CsiDriver,
        unconditional_update: false,
        delete_answer: DeleteAnswer::Object,
        generation: Generation::Strategy,
        ..Resource::new(
            Gvk::new("storage.k8s.io", "v1", "CSIDriver"),
            "csidrivers",
            "storage/v1.CSIDriver",
            Scope::Cluster,
        )
    }
}

fn join<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<Vec<_>>().join(",")
}

struct CsiDriver;

impl Strategy for CsiDriver {
    fn default(&self, object: &mut Value) {
        object.set_default("spec.attachRequired", true);
        let off =
            ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount", "preventPodSchedulingIfMissing"];
        for field in off {
            object.set_default(&format!("spec.{field}"), false);
        }
        object.set_default("spec.fsGroupPolicy", "ReadWriteOnceWithFSType");
        if object.list_at("spec.volumeLifecycleModes").is_empty() {
            object.set("spec.volumeLifecycleModes", json!(["Persistent"]));
        }
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        if new.get("spec") != old.get("spec") {
            new.set("metadata.generation", old.i64_at("metadata.generation").unwrap_or_default() + 1);
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, _: &Context<'_>, new: &Value, old: &Value) -> Errors {
        let mut errors = validate(new);
        // Upstream's own name for the first field has a typo; clients see it.
        for (field, shown) in [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")]
        {
            let [after, before] = [new, old].map(|it| it.at("spec").and_then(|it| it.get(field)));
            if after != before {
                let path = Path::new("spec").child(shown);
                errors.push(Error::invalid(&path, after.cloned().unwrap_or_default(), "field is immutable"));
            }
        }
        errors
    }

    fn warnings(&self, _: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        let tokens = |it: &Value| it.list_at("spec.tokenRequests").to_vec();
        let is_news = old.is_none_or(|old| tokens(old) != tokens(object));
        let is_open = object.at("spec.serviceAccountTokenInSecrets").is_none();
        if is_news && is_open && !tokens(object).is_empty() { vec![TOKENS_WARNING.to_owned()] } else { Vec::new() }
    }
}

fn validate(object: &Value) -> Errors {
    let Some(spec) = object.get("spec") else { return Errors::new() };
    let path = Path::new("spec");
    let policies = ["File", "None", "ReadWriteOnceWithFSType"];
    let mut errors = one_of(&path.child("fsGroupPolicy"), spec.str_at("fsGroupPolicy"), &policies);
    errors.extend(validate_tokens(&path, spec));
    for mode in spec.list_at("volumeLifecycleModes").iter().filter_map(Value::as_str) {
        errors.extend(one_of(&path.child("volumeLifecycleModes"), mode, &["Persistent", "Ephemeral"]));
    }
    if let Some(seconds) = spec.i64_at("nodeAllocatableUpdatePeriodSeconds").filter(|it| *it < UPDATE_SECONDS_MIN) {
        let path = path.child("nodeAllocatableUpdatePeriodSeconds");
        errors.push(Error::invalid(&path, seconds, "must be greater than or equal to 10 seconds"));
    }
    if let Some(said) = spec.get("serviceAccountTokenInSecrets")
        && spec.list_at("tokenRequests").is_empty()
    {
        let why = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
        errors.push(Error::invalid(&path.child("serviceAccountTokenInSecrets"), said.clone(), why));
    }
    errors
}

fn validate_tokens(path: &Path, spec: &Value) -> Errors {
    let mut errors = Errors::new();
    let mut seen = BTreeSet::new();
    for (path, token) in each(path, spec, "tokenRequests") {
        if !seen.insert(token.str_at("audience")) {
            errors.push(Error::duplicate(&path.child("audience"), token.str_at("audience")));
            continue;
        }
        let path = path.child("expirationSeconds");
        match token.i64_at("expirationSeconds") {
            Some(it) if it < TOKEN_SECONDS_MIN => {
                errors.push(Error::invalid(&path, it, "may not specify a duration less than 10 minutes"));
            }
            Some(it) if it > TOKEN_SECONDS_MAX => {
                errors.push(Error::invalid(&path, it, "may not specify a duration larger than 2^32 seconds"));
            }
            Some(_) | None => {}
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_leaves_out_is_filled_in_and_what_it_says_is_checked() {
        let mut driver = json!({"metadata": {"name": "csi.example.com"}});
        CsiDriver.default(&mut driver);
        assert_eq!(validate(&driver), Errors::new());
        assert_eq!(driver["spec"]["attachRequired"], true);
        assert_eq!(driver["spec"]["volumeLifecycleModes"], json!(["Persistent"]));

        driver["spec"]["volumeLifecycleModes"] = json!(["Sometimes"]);
        driver["spec"]["serviceAccountTokenInSecrets"] = json!(true);
        driver["spec"]["nodeAllocatableUpdatePeriodSeconds"] = json!(9);
        let paths: Vec<String> = validate(&driver).into_iter().map(|it| it.path.to_string()).collect();
        assert_eq!(
            paths,
            [
                "spec.volumeLifecycleModes",
                "spec.nodeAllocatableUpdatePeriodSeconds",
                "spec.serviceAccountTokenInSecrets"
            ]
        );
        driver["spec"]["tokenRequests"] =
            json!([{"audience": "a", "expirationSeconds": 599}, {"audience": "a", "expirationSeconds": 600}]);
        let paths: Vec<String> = validate(&driver).into_iter().map(|it| it.path.to_string()).collect();
        assert!(paths.contains(&"spec.tokenRequests[0].expirationSeconds".to_owned()), "{paths:?}");
        assert!(paths.contains(&"spec.tokenRequests[1].audience".to_owned()), "{paths:?}");
    }
}
