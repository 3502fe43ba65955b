//! `pods/binding`, and the older `bindings`: gives a pod its node.

use axum::body::Body;
use axum::response::Response;
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::Value;

use crate::admission::Operation;
use crate::error::Failure;
use crate::object::Fields;
use crate::resources::core::pod::binding;
use crate::resources::core::pod::endpoint::{find, swap};
use crate::rest::connect::Handler;
use crate::rest::modify::uid_conflict;
use crate::rest::{Call, answer, decode, options, read};

/// How often a binding is tried anew because somebody else changed the pod.
const ATTEMPTS_MAX: usize = 16;

/// The handler.
pub(super) struct Bind;

impl Handler for Bind {
    fn answer<'a>(&'a self, call: &'a Call, body: Body) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let body = read(call, body).await?;
            let options = options::write(&call.query, "CreateOptions")?;
            let mut object = decode::object(call, &body, options)?;
            decode::place(call, &mut object)?;
            let name = match call.info.name.as_str() {
                "" => object.str_at("metadata.name").to_owned(),
                name => name.to_owned(),
            };
            binding::check(&object, &name)?;
            let admission = call.admission_context(Operation::Create, &name, None, options.dry_run);
            call.server.admission.mutate(&admission, &mut object).await?;
            call.server.admission.validate(&admission, &object).await?;
            bind(call, &object, &name, options.dry_run).await?;
            let status = answer::success(StatusCode::CREATED, Value::Null);
            Ok(answer::tree(StatusCode::CREATED, call.accept, &status))
        })
    }
}

async fn bind(call: &Call, binding: &Value, name: &str, dry_run: bool) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let (current, mut pod) = find(call, name).await?;
        let (said, is) = (binding.str_at("metadata.uid"), pod.str_at("metadata.uid"));
        if !said.is_empty() && said != is {
            let pods = call.server.registry.find("", "v1", "pods").ok_or_else(Failure::no_such_resource)?;
            return Err(uid_conflict(pods, &call.info.namespace, name, said, is));
        }
        binding::apply(&mut pod, binding, call.now)?;
        if dry_run || swap(call, "v1", "pods", &current, &pod).await? {
            return Ok(());
        }
    }
    let what = "the object has been modified; please apply your changes to the latest version and try again";
    Err(Failure::conflict("", "pods/binding", name, what))
}
