//! The file that edge users have already means here what it means in k3s.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const FILE: &str = r#"
mirrors:
  docker.io:
    endpoint:
      - "https://mirror.local:5000"
      - http://cache.local/proxy/v2
    rewrite:
      "^library/(.*)": "hub/$1"
  "plain.local":
    endpoint: ["http://plain.local"]
  "*":
    endpoint:
      - https://any.local
configs:
  "mirror.local:5000":
    auth:
      username: ann
      password: 12345
    tls:
      ca_file: /etc/ca.pem
      insecure_skip_verify: true
  token.local:
    auth: {token: secret}
  auth.local:
    auth:
      auth: YW5uOnBhc3M=
"#;

fn bases(registries: &Registries, reference: &str) -> Vec<String> {
    let endpoints = registries.endpoints(&Reference::parse(reference).unwrap());
    endpoints.iter().map(|it| format!("{}/{}", it.base, it.path)).collect()
}

#[test]
fn mirrors_come_first_and_the_registry_last() {
    let registries = Registries::parse(FILE).unwrap();
    assert_eq!(
        bases(&registries, "web"),
        [
            "https://mirror.local:5000/v2/hub/web",
            "http://cache.local/proxy/v2/hub/web",
            "https://registry-1.docker.io/v2/library/web",
        ]
    );
    assert_eq!(bases(&registries, "plain.local/a"), ["http://plain.local/v2/a", "https://plain.local/v2/a"]);
    assert_eq!(bases(&registries, "ghcr.io/a/b"), ["https://any.local/v2/a/b", "https://ghcr.io/v2/a/b"]);
}

#[test]
fn hosts_have_credentials_and_tls_of_their_own() {
    let registries = Registries::parse(FILE).unwrap();
    let credential = registries.credential("mirror.local:5000").unwrap();
    assert_eq!((credential.username.as_str(), credential.password.as_str()), ("ann", "12345"));
    assert_eq!(registries.credential("auth.local").unwrap().password, "pass");
    assert_eq!(registries.credential("token.local").unwrap().identity_token, "secret");
    assert!(registries.credential("other.local").is_none());
    let tls = registries.tls("mirror.local:5000").unwrap();
    assert!(tls.insecure_skip_verify && tls.ca_file.as_deref() == Some(Path::new("/etc/ca.pem")));
}

#[test]
fn plain_http_is_for_this_machine_and_for_hosts_that_are_named() {
    let registries = Registries::parse(FILE).unwrap();
    for (host, plain) in [
        ("localhost:5000", true),
        ("127.0.0.1", true),
        ("127.1.2.3:80", true),
        ("[::1]:5000", true),
        ("localhost:443", false),
        ("plain.local", true),
        ("cache.local", true),
        ("mirror.local:5000", false),
        ("10.0.0.1", false),
    ] {
        assert_eq!(registries.may_be_plain(host), plain, "{host}");
    }
    assert_eq!(bases(&Registries::default(), "localhost:5000/a"), ["http://localhost:5000/v2/a"]);
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    for (text, reason) in [
        ("mirrors: [", ""),
        ("mirrors:\n  a:\n    endpoint: [\"ftp://x\"]", "an endpoint is"),
        ("mirrors:\n  a:\n    rewrite: {\"(\": x}", "a rewrite cannot be read"),
        ("mirror: {}", "unknown field"),
    ] {
        assert!(Registries::parse(text).unwrap_err().contains(reason), "{text}");
    }
    for text in ["", "mirrors:\nconfigs:\n", "# nothing\n"] {
        assert!(Registries::parse(text).unwrap().mirrors.is_empty(), "{text}");
    }
}
