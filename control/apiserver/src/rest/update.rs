//! PUT of an object, or of its status, scale, finalizers and the like.

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::authz::{Attributes, Decision, forbidden};
use crate::error::Failure;
use crate::object::Fields;
use crate::request::RequestInfo;
use crate::rest::answer;
use crate::rest::modify::{By, modify};
use crate::rest::{Call, create, decode, options, scale};

/// Replaces the object that the path names, or makes it where the kind allows that.
pub(super) async fn update(call: &Call, body: &[u8]) -> Result<Response, Failure> {
    let options = options::write(&call.query, "UpdateOptions")?;
    let mut object = decode::object(call, body, options)?;
    decode::place(call, &mut object)?;
    check_name(call, &object)?;
    if call.subresource_name() == "scale" {
        let shown = modify(call, options, By::Update, |old| scale::apply(old, &object)).await?;
        return scale::answer(call, &shown.into_tree());
    }
    if call.owner.create_on_update && call.subresource.is_none() {
        let found = call.server.registry.storage.get(&call.checked_key()?).await?;
        if found.is_none() {
            may_create(call).await?;
            // A version was meant for an object that is gone.
            object.remove("metadata.resourceVersion");
            let shown = create::insert(call, object, options).await?;
            return answer::object(call, StatusCode::CREATED, shown);
        }
    }
    let shown = modify(call, options, By::Update, |_| Ok(object.clone())).await?;
    answer::object(call, StatusCode::OK, shown)
}

/// Whoever makes an object by PUT must be allowed to create it, and not only to update it.
async fn may_create(call: &Call) -> Result<(), Failure> {
    let info = RequestInfo { verb: "create".to_owned(), ..call.info.clone() };
    match call.server.authorizer.authorize(Attributes { user: &call.user, info: &info }).await {
        Decision::Allow { .. } => Ok(()),
        Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(forbidden(&call.user, &info, &reason)),
    }
}

/// The name that a body may have, given its path.
pub(crate) fn check_name(call: &Call, object: &Value) -> Result<(), Failure> {
    let (said, is) = (object.str_at("metadata.name"), call.info.name.as_str());
    if said == is {
        return Ok(());
    }
    Err(Failure::bad_request(if said.is_empty() {
        format!("the name of the object ({is} based on URL) was undeterminable: name must be provided")
    } else {
        format!("the name of the object ({said}) does not match the name on the URL ({is})")
    }))
}

/// The view's form of a stored object, with the type that its own kind has.
pub(super) fn in_view(call: &Call, object: &Value) -> Value {
    match call.resource.view {
        Some(view) => (view.from_stored)(object.clone()),
        None => object.clone(),
    }
}
