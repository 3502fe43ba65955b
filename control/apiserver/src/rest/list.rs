//! GET of a collection: pages of stored bytes, consistent at one revision, spliced together without parsing.

use axum::response::Response;
use storage::{Object, Page, Paging, Query, Revision};

use crate::error::Failure;
use crate::field;
use crate::query::parse_uint;
use crate::rest::continuation::Token;
use crate::rest::{Call, computed, options};
use crate::selector::{FieldSelector, LabelSelector, Selection};

mod check;
pub(super) mod page;

/// How many objects are looked at in one step of a list with selectors and a limit.
const SCAN_OBJECTS: usize = 500;

/// What the options are for: lists and watches allow different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// A list, or the deletion of one.
    List,
    /// A watch.
    Watch,
}

/// Which objects are wanted, and as of when.
pub struct Listing {
    /// By label and field.
    pub selection: Selection,
    /// What the store is asked.
    pub query: Query,
    /// At most so many; 0 is all.
    limit: usize,
    /// Where the page before ended.
    token: Option<Token>,
    /// The revision that was named, and whether it must be exactly that one.
    version: Option<(u64, bool)>,
}

/// What a list answers with.
pub struct Found {
    /// In order.
    pub objects: Vec<Object>,
    /// The snapshot.
    pub revision: Revision,
    /// Where to go on, if there is more.
    token: Option<Token>,
    /// How many come after, where that is known.
    remaining: Option<usize>,
}

/// Lists the objects that the path and query mean.
pub async fn list(call: &Call) -> Result<Response, Failure> {
    let listing = Listing::of(call, For::List)?;
    if let Some(make) = call.resource.computed {
        return computed::list(call, &listing.selection, make).await;
    }
    let found = listing.read(call).await?;
    page::answer(call, found)
}

// === impl Listing ===

impl Listing {
    /// Reads the query.
    ///
    /// # Errors
    /// 400 of what cannot be read, 422 of options that do not go together.
    pub fn of(call: &Call, what: For) -> Result<Listing, Failure> {
        let query = &call.query;
        let limit = query.integer("limit")?.unwrap_or(0);
        query.integer("timeoutSeconds")?;
        let selection = selection(call)?;
        let selected = selection.fields.exact("metadata.name");
        if what == For::Watch && selected.is_some_and(|name| name != call.info.name) {
            return Err(Failure::bad_request("fieldSelector metadata.name doesn't match requested name"));
        }
        let errors = match what {
            For::List => check::for_list(call),
            For::Watch => check::for_watch(call),
        };
        if !errors.is_empty() {
            return Err(options::invalid("ListOptions", &errors));
        }
        let token = match (what, query.text("continue")) {
            (For::Watch, _) | (_, "") => None,
            (For::List, text) => Some(Token::decode(text)?),
        };
        let version = match what {
            For::Watch => None,
            For::List => version(call, token.is_some(), limit > 0)?,
        };
        let any = version.is_some_and(|(version, _)| version == 0) && token.is_none();
        Ok(Listing {
            query: store_query(call, &selection),
            selection,
            // The cache that upstream answers "any version" from knows no pages.
            limit: if any { 0 } else { usize::try_from(limit).unwrap_or(0) },
            token,
            version,
        })
    }

    /// Whether the list of one exact version is meant.
    pub fn is_exact(&self) -> bool {
        self.version.is_some_and(|(_, exact)| exact)
    }

    /// Reads the page.
    ///
    /// # Errors
    /// 410 if the version is gone, 504 if it is in the future.
    pub async fn read(&self, call: &Call) -> Result<Found, Failure> {
        let storage = &call.server.registry.storage;
        if let Some((version, _)) = self.version.filter(|(version, _)| *version > storage.revision().0) {
            return Err(Failure::future_version(version, storage.revision().0));
        }
        let mut at =
            self.version.filter(|(version, exact)| *exact && *version > 0).map(|(version, _)| Revision(version));
        let mut after = None;
        if let Some(token) = &self.token {
            at = token.revision();
            let (namespace, name) = token.after();
            // A token of one namespace does not name it; the store orders by both.
            let namespace = if namespace.is_empty() { self.query.namespace.clone() } else { namespace };
            after = Some((namespace, name));
        }
        let mut objects = Vec::new();
        loop {
            let paging = Paging { limit: self.step(), after: after.clone(), at };
            let page = match storage.list(&self.query, paging).await {
                Ok(page) => page,
                Err(storage::Error::Compacted { .. }) => return Err(self.expired()),
                Err(error) => return Err(error.into()),
            };
            let Page { objects: some, revision, remaining } = page;
            at = Some(revision);
            let scanned = some.len();
            for (index, object) in some.into_iter().enumerate() {
                after = Some((object.key.namespace.clone(), object.key.name.clone()));
                if !self.selection.matches(&object) {
                    continue;
                }
                objects.push(object);
                if self.limit > 0 && objects.len() == self.limit {
                    let more = remaining + scanned - index - 1;
                    return Ok(self.found(objects, revision, more));
                }
            }
            if remaining == 0 {
                return Ok(self.found(objects, revision, 0));
            }
        }
    }

    fn found(&self, objects: Vec<Object>, revision: Revision, more: usize) -> Found {
        let last = objects.last().filter(|_| more > 0).map(|object| object.key.clone());
        let token = last.map(|key| Token::new(revision, &self.query.namespace, &key));
        let remaining = (more > 0 && self.selection.is_everything()).then_some(more);
        Found { objects, revision, token, remaining }
    }

    /// How many objects to ask the store for.
    fn step(&self) -> usize {
        match (self.limit, self.selection.is_everything()) {
            (0, _) => 0,
            (limit, true) => limit,
            (limit, false) => limit.max(SCAN_OBJECTS),
        }
    }

    /// 410: a list that was begun too long ago can go on with what is there now.
    fn expired(&self) -> Failure {
        match &self.token {
            None => Failure::expired(crate::error::EXPIRED),
            Some(token) => {
                let message = "The provided continue parameter is too old to display a consistent list result. You can \
                               start a new list without the continue parameter, or use the continue token in this \
                               response to retrieve the remainder of the results. Continuing with the provided token \
                               results in an inconsistent list - objects that were created, modified, or deleted \
                               between the time the first chunk was returned and now may show up in the list.";
                Failure { continue_token: Some(token.inconsistent().encode()), ..Failure::expired(message) }
            }
        }
    }
}

/// The selectors of a request.
///
/// # Errors
/// 400 in upstream's words.
pub fn selection(call: &Call) -> Result<Selection, Failure> {
    let labels = LabelSelector::parse(call.query.text("labelSelector")).map_err(Failure::bad_request)?;
    let fields = FieldSelector::parse(call.query.text("fieldSelector")).map_err(Failure::bad_request)?;
    Ok(Selection { labels, fields: fields.check(&call.resource)? })
}

/// What the store is asked: the path, and what of the selectors it can use as an index.
fn store_query(call: &Call, selection: &Selection) -> Query {
    let fields = &selection.fields;
    // A legacy watch names its object in the path.
    let named = Some(call.info.name.as_str()).filter(|name| !name.is_empty());
    let name = named.or_else(|| fields.exact("metadata.name"));
    let namespace = match call.resource.namespace_of(&call.info.namespace) {
        "" => fields.exact("metadata.namespace").unwrap_or_default(),
        namespace => namespace,
    };
    Query {
        resource: call.owner.stored_as().into(),
        namespace: namespace.into(),
        name: name.map(Into::into),
        field: fields.indexed().map(|(field, value)| (field.into(), value.into())),
    }
}

/// The version that the list must not be older than, or must be exactly of.
fn version(call: &Call, continued: bool, limited: bool) -> Result<Option<(u64, bool)>, Failure> {
    let text = call.query.text("resourceVersion");
    if text.is_empty() {
        return Ok(None);
    }
    let version = parse_uint(text).map_err(|err| {
        Failure::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {}: {err}",
            field::quote(text)
        ))
    })?;
    if continued && version != 0 {
        return Err(Failure::bad_request("specifying resource version is not allowed when using continue"));
    }
    let exact = match call.query.text("resourceVersionMatch") {
        "Exact" => true,
        // Pages are of one version, and the one that was named is as good as any.
        "" => limited && version != 0,
        _ => false,
    };
    Ok(Some((version, exact)))
}
