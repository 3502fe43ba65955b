//! `/version`: which Kubernetes this server speaks as, and which program it is.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::content::Accept;
use crate::rest::answer;

/// The version of Kubernetes whose answers ours are, in the parts that clients compare.
const MINOR: &str = "37";
const KUBERNETES: &str = "v1.37.2";

/// The answer to `/version`, if that is the path.
pub fn answer(path: &str) -> Option<Response> {
    if path != "/version" {
        return None;
    }
    // Our own version is build metadata, which version comparisons skip.
    let git_version = format!("{KUBERNETES}+coracle.{}", env!("CARGO_PKG_VERSION"));
    let version = json!({
        "major": "1", "minor": MINOR, "emulationMajor": "1", "emulationMinor": MINOR,
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "36",
        "gitVersion": git_version, "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, go_arch(std::env::consts::ARCH)),
    });
    Some(answer::tree(StatusCode::OK, Accept::default(), &version))
}

/// A processor as Go names it.
fn go_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
