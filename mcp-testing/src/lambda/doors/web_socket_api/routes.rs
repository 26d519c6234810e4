use serde_json::Value;

/// Which messages go to which route, and whether their senders get what the function returns.
#[derive(Clone, Debug)]
pub(in crate::lambda) struct Routes {
    /// The path in a JSON message whose value is the route: `action` for `$request.body.action`.
    pub(in crate::lambda) selection: String,
    /// The routes besides `$connect`, `$disconnect` and `$default`.
    pub(in crate::lambda) custom: Vec<String>,
    /// Whether there is a route for all others.
    pub(in crate::lambda) default: bool,
    /// Whether routes have a route response ("two-way communication").
    pub(in crate::lambda) respond: bool,
}

impl Default for Routes {
    fn default() -> Self {
        let selection = "action".to_owned();
        Self { selection, custom: Vec::new(), default: true, respond: false }
    }
}

impl Routes {
    /// The route of a message; `None` where there is none for it.
    pub(super) fn select(&self, message: &str) -> Option<&str> {
        let value: Option<Value> = serde_json::from_str(message).ok();
        let key = value.as_ref().and_then(|value| {
            self.selection.split('.').try_fold(value, |value, name| value.get(name))?.as_str()
        });
        let custom = self.custom.iter().find(|route| Some(route.as_str()) == key);
        custom.map(String::as_str).or_else(|| self.default.then_some("$default"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_where_the_selection_expression_says() {
        let mut routes = Routes {
            selection: "params.kind".to_owned(),
            custom: vec!["a".to_owned()],
            ..Routes::default()
        };
        assert_eq!(routes.select(r#"{"params":{"kind":"a"}}"#), Some("a"));
        for message in [r#"{"params":{"kind":"b"}}"#, r#"{"params":1}"#, "no JSON", "[]"] {
            assert_eq!(routes.select(message), Some("$default"), "{message}");
        }
        routes.default = false;
        assert_eq!(routes.select(r#"{"params":{"kind":"b"}}"#), None);
    }
}
