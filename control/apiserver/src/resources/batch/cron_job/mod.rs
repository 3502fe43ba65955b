//! CronJob: jobs at times that a schedule names.

mod schedule;

use serde_json::{Value, json};

use crate::field::{Error, Errors, Kind, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, Generation, Gvk, Now, Resource, Scope, Subresource};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::batch::job;
use crate::resources::{age, cell, keep, pod_template};
use crate::validation::{number, one_of};

/// The longest name: its jobs add eleven characters.
const NAME_BYTES_MAX: usize = 52;

/// What the names of time zones begin with, up to the first slash. The zones themselves are not in this binary.
const ZONE_AREAS: &str = "Africa America Antarctica Arctic Asia Atlantic Australia Brazil Canada Chile Etc Europe Indian \
                          Mexico Pacific US UTC GMT CET EET MET WET EST MST HST Universal Zulu UCT Greenwich Cuba \
                          Egypt Eire GB Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya NZ Navajo PRC \
                          Poland Portugal ROC ROK Singapore Turkey W-SU EST5EDT CST6CDT MST7MDT PST8PDT";

/// The row.
pub fn row() -> Resource {
    Resource {
        short_names: &["cj"],
        categories: &["all"],
        subresources: &[Subresource::STATUS],
        columns: const {
            &[
                Column::NAME,
                Column::text("Schedule"),
                Column::text("Timezone"),
                Column { kind: "boolean", ..Column::text("Suspend") },
                Column::integer("Active"),
                Column::text("Last Schedule"),
                Column::AGE,
                Column::wide("Containers"),
                Column::wide("Images"),
                Column::wide("Selector"),
            ]
        },
        cells,
        strategy: &CronJob,
        generation: Generation::Spec,
        status_takes_labels: true,
        ..Resource::new(Gvk::new("batch", "v1", "CronJob"), "cronjobs", "batch/v1.CronJob", Scope::Namespaced)
    }
}

fn cells(object: &Value, now: Now) -> Vec<Value> {
    let [containers, images] = cell::containers(&json!({"spec": object.at("spec.jobTemplate.spec")}));
    let last = object.str_at("status.lastScheduleTime");
    let last = if last.is_empty() { cell::NONE.to_owned() } else { age::since(last, now) };
    vec![
        cell::name(object),
        object.str_at("spec.schedule").into(),
        cell::text_or(object.str_at("spec.timeZone"), cell::NONE),
        if object.bool_at("spec.suspend") { "True" } else { "False" }.into(),
        json!(object.list_at("status.active").len()),
        last.into(),
        age::of(object, now),
        containers,
        images,
        cell::selector(object.at("spec.jobTemplate.spec.selector")),
    ]
}

struct CronJob;

impl Strategy for CronJob {
    fn default(&self, object: &mut Value) {
        object.set_default("spec", json!({}));
        if object.str_at("spec.concurrencyPolicy").is_empty() {
            object.set("spec.concurrencyPolicy", "Allow");
        }
        object.set_default("spec.suspend", false);
        object.set_default("spec.successfulJobsHistoryLimit", 3);
        object.set_default("spec.failedJobsHistoryLimit", 1);
        object.set_default("spec.jobTemplate.spec.template", json!({}));
        if let Some(template) = object.at_mut("spec.jobTemplate.spec.template") {
            pod_template::default::template(template);
        }
        if let Some(template) = object.at_mut("spec.jobTemplate") {
            job::default_failure_policy(template);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut Value) {
        object.set("status", json!({}));
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "status");
    }

    fn prepare_for_subresource(&self, _: &Context<'_>, new: &mut Value, old: &Value) {
        keep(new, old, "spec");
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        validate(object)
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, _: &Value) -> Errors {
        if cx.subresource.is_some() { Errors::new() } else { validate(new) }
    }

    fn warnings(&self, cx: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        let path = "spec.jobTemplate.spec.template";
        let unchanged = old.is_some_and(|old| old.at(path) == object.at(path));
        let template = object.at(path).filter(|_| !unchanged && cx.subresource.is_none());
        template.map(|template| pod_template::warning::warnings(&Path::new(path), template)).unwrap_or_default()
    }
}

fn validate(object: &Value) -> Errors {
    let path = Path::new("spec");
    let name = object.str_at("metadata.name");
    let mut errors = Errors::new();
    if name.len() > NAME_BYTES_MAX {
        let fault = format!("must be no more than {NAME_BYTES_MAX} characters");
        errors.push(Error::invalid(&Path::new("metadata.name"), name, &fault));
    }
    let schedule = object.str_at("spec.schedule");
    let fault = if schedule.is_empty() { None } else { schedule::fault(schedule) };
    errors.extend(fault.map(|fault| Error::invalid(&path.child("schedule"), schedule, &fault)));
    let not_negative = |field: &str| number::non_negative(&path.child(field), object.i64_at(&format!("spec.{field}")));
    errors.extend(not_negative("startingDeadlineSeconds"));
    if let Some(zone) = object.at("spec.timeZone").and_then(Value::as_str) {
        let fault = zone_fault(zone);
        errors.extend(fault.map(|fault| Error::invalid(&path.child("timeZone"), zone, &fault)));
    }
    let policy = object.str_at("spec.concurrencyPolicy");
    errors.extend(one_of(&path.child("concurrencyPolicy"), policy, &["Allow", "Forbid", "Replace"]));
    errors.extend(not_negative("successfulJobsHistoryLimit"));
    errors.extend(not_negative("failedJobsHistoryLimit"));
    errors.extend(validate_template(object));
    if schedule.is_empty() {
        errors.push(Error::required(&path.child("schedule"), ""));
    }
    errors
}

fn zone_fault(zone: &str) -> Option<String> {
    let area = zone.split('/').next().unwrap_or_default();
    match zone {
        "" => Some("timeZone must be nil or non-empty string".to_owned()),
        _ if zone.eq_ignore_ascii_case("Local") => {
            let rule = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
            Some(rule.to_owned())
        }
        _ if !ZONE_AREAS.split(' ').any(|known| known == area) => Some(format!("unknown time zone {zone}")),
        _ => None,
    }
}

/// The template is a job's spec one level down.
fn validate_template(object: &Value) -> Errors {
    let at = Path::new("spec.jobTemplate");
    let template = object.at("spec.jobTemplate").cloned().unwrap_or_default();
    let errors = job::spec::validate(&template).into_iter();
    let mut errors: Errors = errors.map(|error| Error { path: at.child(&error.path.to_string()), ..error }).collect();
    if let Some(selector) = template.at("spec.selector").filter(|selector| !selector.is_null()) {
        let fault = "`selector` will be auto-generated";
        errors.push(Error::invalid(&at.child("spec.selector"), selector.clone(), fault));
    }
    if template.bool_at("spec.manualSelector") {
        let message = "Unsupported value: true: supported values: \"nil\", \"false\"";
        errors.push(Error::new(Kind::NotSupported, &at.child("spec.manualSelector"), message));
    }
    errors
}
