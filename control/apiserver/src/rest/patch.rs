//! PATCH: JSON Patch, merge patch and strategic merge patch, on objects and their subresources.

use axum::response::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::error::Failure;
use crate::object::Fields;
use crate::patch::{self, Format};
use crate::rest::modify::{By, modify};
use crate::rest::options::{self, Write};
use crate::rest::update::{check_name, in_view};
use crate::rest::{Call, answer, decode, scale};
use crate::schema::{self, Type};

/// The type of a Scale in the schema table.
const SCALE: &str = "autoscaling/v1.Scale";

/// Changes the object that the path names as the body says.
pub async fn patch(call: &Call, body: &[u8]) -> Result<Response, Failure> {
    let format = format(call)?;
    let options = options::write(&call.query, options::PATCH)?;
    if call.subresource_name() == "scale" {
        let of = schema::find(SCALE).expect("the schema has the API's own types");
        let shown = modify(call, options, By::Patch, |old| {
            let mut patched = apply(call, format, &scale::of(old), body, of, options)?;
            place(call, &mut patched)?;
            check_uid(call, &patched, old)?;
            scale::apply(old, &patched)
        })
        .await?;
        return scale::answer(call, &shown.into_tree());
    }
    let of = schema::find(call.resource.type_name)
        .ok_or_else(|| Failure::not_there_yet(&format!("the schema of {}", call.resource.type_name)))?;
    let shown = modify(call, options, By::Patch, |old| {
        let patched = apply(call, format, &in_view(call, old), body, of, options)?;
        let mut new = decode::to_stored(call, patched);
        place(call, &mut new)?;
        call.owner.strategy.default(&mut new);
        Ok(new)
    })
    .await?;
    answer::object(call, StatusCode::OK, shown)
}

fn apply(
    call: &Call,
    format: Format,
    current: &Value,
    body: &[u8],
    of: &'static Type,
    options: Write,
) -> Result<Value, Failure> {
    let patched = patch::apply(format, current, body, of, options.field_validation)?;
    patched.warnings.into_iter().for_each(|warning| call.warn(warning));
    Ok(patched.object)
}

/// A patch can neither rename nor move.
fn place(call: &Call, new: &mut Value) -> Result<(), Failure> {
    check_name(call, new)?;
    decode::place(call, new)
}

/// A Scale has the uid of its parent.
fn check_uid(call: &Call, scale: &Value, parent: &Value) -> Result<(), Failure> {
    let (said, is) = (scale.str_at("metadata.uid"), parent.str_at("metadata.uid"));
    if said.is_empty() || said == is {
        return Ok(());
    }
    let what = format!("Precondition failed: UID in precondition: {said}, UID in object meta: {is}");
    let plural = format!("{}/scale", call.resource.plural);
    Err(Failure::conflict(&call.resource.gvk.group, &plural, &call.info.name, &what))
}

/// The format that the body says it has.
fn format(call: &Call) -> Result<Format, Failure> {
    let header = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match header.split(';').next().unwrap_or_default().trim() {
        "application/json-patch+json" => Ok(Format::Json),
        "application/merge-patch+json" => Ok(Format::Merge),
        "application/strategic-merge-patch+json" => Ok(Format::Strategic),
        "application/apply-patch+yaml" => Err(Failure::not_there_yet("server-side apply")),
        _ => Err(Failure::unsupported_media_type("415: Unsupported Media Type").with_details(serde_json::json!({}))),
    }
}
