//! Reviews of who somebody is: by their token (TokenReview), or who asks (SelfSubjectReview).

use serde_json::{Value, json};

use crate::authn::AUTHENTICATED;
use crate::authn::token::{Refusal, Tokens};
use crate::error::Failure;
use crate::object::Fields;
use crate::registry::resource::Now;
use crate::request::User;
use crate::schema;

/// Answers a TokenReview. A token that is not good is an answer too.
///
/// # Errors
/// 400 without a token.
pub async fn token(tokens: &Tokens, now: Now, mut review: Value) -> Result<Value, Failure> {
    let token = review.str_at("spec.token");
    if token.is_empty() {
        return Err(Failure::bad_request("token is required for TokenReview in authentication"));
    }
    let asked = review.list_at("spec.audiences").iter().filter_map(Value::as_str).map(str::to_owned);
    let asked: Vec<String> = asked.collect();
    let audiences = if asked.is_empty() { vec![tokens.issuer.clone()] } else { asked };
    let status = match tokens.accept(token, &audiences, now.0.unix_timestamp()).await {
        Ok(accepted) => {
            let mut user = accepted.user;
            user.groups.push(AUTHENTICATED.to_owned());
            json!({"authenticated": true, "audiences": accepted.audiences, "user": user_info(&user)})
        }
        Err(refusal) => refused(&refusal),
    };
    review.set("status", status);
    Ok(review)
}

/// Answers a SelfSubjectReview.
pub fn oneself(asking: &User, now: Now, mut review: Value) -> Value {
    review.set("metadata", json!({"creationTimestamp": schema::time::format(now.0, schema::time::Precision::Seconds)}));
    review.set("status", json!({"userInfo": user_info(asking)}));
    review
}

fn refused(refusal: &Refusal) -> Value {
    json!({"error": refusal.to_string(), "user": {}})
}

/// `authentication.k8s.io/v1.UserInfo`: empty members are left out.
fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name});
    if !user.uid.is_empty() {
        info.set("uid", user.uid.as_str());
    }
    if !user.groups.is_empty() {
        info.set("groups", user.groups.clone());
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
