//! Decides what must change for a namespace to have exactly the right certificate.

use serde_json::{Value, json};

use crate::meta::Meta;

/// The name of the ConfigMap, which is also what pods mount.
pub(super) const NAME: &str = "kube-root-ca.crt";
/// What upstream says of it, word for word.
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
    endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
    distributions of Kubernetes clusters.";

/// What to do in a namespace.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    Nothing,
    Create(Value),
    Update(Value),
}

/// Compares what is stored with what must be.
pub(super) fn plan(namespace: &Meta, stored: Option<Value>, ca_pem: &str) -> Plan {
    let (data, annotations) = (json!({"ca.crt": ca_pem}), json!({"kubernetes.io/description": DESCRIPTION}));
    match stored {
        _ if namespace.is_deleting() => Plan::Nothing,
        None => Plan::Create(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": namespace.name, "annotations": annotations},
            "data": data,
        })),
        Some(stored) if stored["data"] == data && described(&stored) => Plan::Nothing,
        Some(mut stored) => {
            stored["data"] = data;
            stored["metadata"]["annotations"]["kubernetes.io/description"] = DESCRIPTION.into();
            Plan::Update(stored)
        }
    }
}

fn described(stored: &Value) -> bool {
    stored["metadata"]["annotations"]["kubernetes.io/description"] == DESCRIPTION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_certificate_is_written_back() {
        let namespace = Meta { name: "a".into(), ..Meta::default() };
        let Plan::Create(mut object) = plan(&namespace, None, "pem") else { panic!("not created") };
        assert_eq!(plan(&namespace, Some(object.clone()), "pem"), Plan::Nothing);
        object["data"]["more"] = "y".into();
        let Plan::Update(fixed) = plan(&namespace, Some(object), "pem") else { panic!("not updated") };
        assert_eq!(fixed["data"], json!({"ca.crt": "pem"}));
    }
}
