//! CloudEvents 1.0 in structured mode: the webhook's body as the data of an event.

use super::{Context, is_firing, time};
use crate::notify::dispatch::Notice;
use serde_json::{Value, json};

pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The id is the idempotency key: source and id together name an event once.
pub fn wrap(notice: &Notice, context: &Context<'_>, key: &str, data: Value) -> String {
    let status = if is_firing(notice) { "firing" } else { "resolved" };
    let event = json!({
        "specversion": "1.0",
        "id": key,
        "source": context.external_url,
        "type": format!("dev.binnacle.alert.{status}"),
        "subject": notice.group_key,
        "time": time::precise(notice.now),
        "datacontenttype": "application/json",
        "data": data,
    });
    event.to_string()
}
