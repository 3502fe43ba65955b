//! Who may approve and who may sign requests for certificates: whoever has the verb on the signer they ask for. And
//! nobody asks for a certificate of the masters.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::admission::{Context, Operation, Plugin};
use crate::authn::MASTERS;
use crate::authz::{Attributes, Authorizer, Decision, Rbac};
use crate::error::Failure;
use crate::field::quote;
use crate::object::Fields;
use crate::request::RequestInfo;
use crate::resources::certificates::{GROUP, REQUESTS, organizations};

/// The signer of clients of this server.
const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// `CertificateApproval`: the verb `approve`.
pub struct CertificateApproval(pub Arc<Rbac>);

/// `CertificateSigning`: the verb `sign`.
pub struct CertificateSigning(pub Arc<Rbac>);

/// `CertificateSubjectRestriction`.
pub struct CertificateSubjectRestriction;

impl Plugin for CertificateApproval {
    fn name(&self) -> &'static str {
        "CertificateApproval"
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Some(old) = cx.old.filter(|_| is_update_of(cx, "approval")) else { return Ok(()) };
            let _ = object;
            check(&self.0, cx, "approve", old.str_at("spec.signerName")).await
        })
    }
}

impl Plugin for CertificateSigning {
    fn name(&self) -> &'static str {
        "CertificateSigning"
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Some(old) = cx.old.filter(|_| is_update_of(cx, "status")) else { return Ok(()) };
            let changed =
                ["status.certificate", "status.conditions"].iter().any(|path| object.at(path) != old.at(path));
            if changed { check(&self.0, cx, "sign", old.str_at("spec.signerName")).await } else { Ok(()) }
        })
    }
}

impl Plugin for CertificateSubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    fn validate<'a>(&'a self, cx: &'a Context<'a>, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        let is_new = cx.operation == Operation::Create && cx.is_about(GROUP, REQUESTS);
        let answer = match is_new && object.str_at("spec.signerName") == CLIENT_SIGNER && asks_for_masters(object) {
            true => Err(cx.forbidden(&format!("use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed"))),
            false => Ok(()),
        };
        Box::pin(async { answer })
    }
}

fn is_update_of(cx: &Context<'_>, subresource: &str) -> bool {
    let about = &*cx.resource.gvk.group == GROUP && &*cx.resource.plural == REQUESTS;
    cx.operation == Operation::Update && about && cx.subresource == subresource
}

fn asks_for_masters(object: &Value) -> bool {
    let pem = STANDARD.decode(object.str_at("spec.request")).unwrap_or_default();
    organizations(&pem).iter().any(|name| name == MASTERS)
}

/// The verb on the signer, or on all signers of its domain.
async fn check(rbac: &Rbac, cx: &Context<'_>, verb: &str, signer: &str) -> Result<(), Failure> {
    if cx.user.groups.iter().any(|group| group == MASTERS) {
        return Ok(());
    }
    let domain = signer.split('/').next().unwrap_or_default();
    for name in [signer.to_owned(), format!("{domain}/*")] {
        let info = RequestInfo {
            is_resource: true,
            verb: verb.to_owned(),
            group: GROUP.to_owned(),
            version: "*".to_owned(),
            resource: "signers".to_owned(),
            name,
            ..RequestInfo::default()
        };
        if let Decision::Allow { .. } = rbac.authorize(Attributes { user: cx.user, info: &info }).await {
            return Ok(());
        }
    }
    Err(cx.forbidden(&format!("user not permitted to {verb} requests with signerName {}", quote(signer))))
}
