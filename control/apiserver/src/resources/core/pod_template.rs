//! PodTemplate: a template by itself, which nothing runs.

use serde_json::{Value, json};

use crate::field::{Errors, Path};
use crate::object::Fields;
use crate::registry::resource::{Column, DeleteAnswer, Generation, Now, Resource, Scope};
use crate::registry::strategy::{Context, Strategy};
use crate::resources::{cell, pod_template};

/// The row.
pub fn row() -> Resource {
    Resource {
        columns: const { &[Column::NAME, Column::text("Containers"), Column::text("Images"), Column::text("Pod Labels")] },
        cells,
        strategy: &PodTemplate,
        delete_answer: DeleteAnswer::Object,
        generation: Generation::Spec,
        ..super::new("PodTemplate", "podtemplates", "core/v1.PodTemplate", Scope::Namespaced)
    }
}

fn cells(object: &Value, _: Now) -> Vec<Value> {
    let [containers, images] = cell::containers(&json!({"spec": {"template": object.get("template")}}));
    vec![cell::name(object), containers, images, cell::labels(object.at("template.metadata.labels"))]
}

struct PodTemplate;

impl Strategy for PodTemplate {
    fn default(&self, object: &mut Value) {
        object.set_default("template", json!({}));
        if let Some(template) = object.at_mut("template") {
            pod_template::default::template(template);
        }
    }

    fn validate(&self, _: &Context<'_>, object: &Value) -> Errors {
        pod_template::validate(&Path::new("template"), object.get("template").unwrap_or(&Value::Null))
    }

    fn validate_update(&self, cx: &Context<'_>, new: &Value, _: &Value) -> Errors {
        self.validate(cx, new)
    }

    fn warnings(&self, _: &Context<'_>, object: &Value, old: Option<&Value>) -> Vec<String> {
        let changed = old.is_none_or(|old| old.get("template") != object.get("template"));
        let template = object.get("template").filter(|_| changed);
        template.map(|t| pod_template::warning::warnings(&Path::new("template"), t)).unwrap_or_default()
    }
}
