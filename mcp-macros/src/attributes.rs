//! What stands in `#[tool(…)]`, on a type, a function, a field or a parameter.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Attribute, Error, Expr, ExprArray, ExprLit, GenericArgument, Ident, Lit, LitBool, LitStr, Path,
    PathArguments, Result, Type, meta::ParseNestedMeta, parse::Parser as _,
};

/// The options of a tool.
#[derive(Default)]
pub(crate) struct ToolOptions {
    pub(crate) name: Option<LitStr>,
    aliases: Vec<LitStr>,
    title: Option<LitStr>,
    read_only: Option<bool>,
    destructive: Option<bool>,
    idempotent: Option<bool>,
    open_world: Option<bool>,
    scopes: Vec<LitStr>,
    timeout_ms: Option<u64>,
    icons: Vec<LitStr>,
    /// A variant of `TaskSupport`.
    task: Option<Ident>,
    ui: Option<LitStr>,
    app_only: bool,
    seen: Vec<Ident>,
}

const OPTIONS: &str = "expected one of `name`, `aliases`, `title`, `read_only`, `destructive`, \
                       `idempotent`, `open_world`, `scopes`, `timeout`, `icons`, `task`, `ui`, \
                       `app_only`";

impl ToolOptions {
    pub(crate) fn from_attributes(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("tool")) {
            attribute.parse_nested_meta(|meta| options.parse(&meta))?;
        }
        options.check()
    }

    pub(crate) fn from_tokens(tokens: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        syn::meta::parser(|meta| options.parse(&meta)).parse2(tokens)?;
        options.check()
    }

    fn parse(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let option = meta.path.require_ident().map_err(|_| meta.error(OPTIONS))?.clone();
        if self.seen.contains(&option) {
            return Err(meta.error(format!("`{option}` is given twice")));
        }
        match option.to_string().as_str() {
            "name" => self.name = Some(tool_name(string(meta)?)?),
            "aliases" => self.aliases = aliases(strings(meta)?)?,
            "title" => self.title = Some(title(string(meta)?)?),
            "read_only" => self.read_only = Some(flag(meta)?),
            "destructive" => self.destructive = Some(flag(meta)?),
            "idempotent" => self.idempotent = Some(flag(meta)?),
            "open_world" => self.open_world = Some(flag(meta)?),
            "scopes" => {
                self.scopes = strings(meta)?;
                self.scopes.iter().try_for_each(check_scope)?;
            }
            "timeout" => self.timeout_ms = Some(milliseconds(&string(meta)?)?),
            "icons" => {
                self.icons = strings(meta)?;
                self.icons.iter().try_for_each(check_icon)?;
            }
            "task" => self.task = Some(task(meta)?),
            "ui" => self.ui = Some(app_uri(string(meta)?)?),
            "app_only" => self.app_only = flag(meta)?,
            "header" => {
                return Err(
                    meta.error("`header` goes on the argument that it mirrors, not on the tool")
                );
            }
            _ => return Err(meta.error(format!("unknown option `{option}`: {OPTIONS}"))),
        }
        self.seen.push(option);
        Ok(())
    }

    fn check(self) -> Result<Self> {
        if self.read_only == Some(true)
            && self.destructive == Some(true)
            && let Some(option) = self.seen.iter().find(|option| *option == "destructive")
        {
            return Err(Error::new(
                option.span(),
                "a tool that is `read_only` destroys nothing: remove one of the two",
            ));
        }
        if self.app_only
            && self.ui.is_none()
            && let Some(option) = self.seen.iter().find(|option| *option == "app_only")
        {
            return Err(Error::new(
                option.span(),
                "which app calls it? name it with `ui = \"ui://…\"`",
            ));
        }
        Ok(self)
    }

    /// An alias is a name that the tool does not have yet.
    pub(crate) fn check_aliases(&self, name: &LitStr) -> Result<()> {
        match self.aliases.iter().find(|alias| alias.value() == name.value()) {
            Some(alias) => Err(Error::new(alias.span(), "the tool has this name already")),
            None => Ok(()),
        }
    }

    /// Calls on a `ToolDefinition` that set the options.
    pub(crate) fn setters(&self, core: &Path) -> TokenStream {
        let mut calls = TokenStream::new();
        if !self.aliases.is_empty() {
            let aliases = &self.aliases;
            calls.extend(quote!(.aliases(&[#(#aliases),*])));
        }
        if let Some(title) = &self.title {
            calls.extend(quote!(.title(#title)));
        }
        let hints = [
            ("read_only", self.read_only),
            ("destructive", self.destructive),
            ("idempotent", self.idempotent),
            ("open_world", self.open_world),
        ];
        if hints.iter().any(|(_, hint)| hint.is_some()) {
            let hints = hints.into_iter().filter_map(|(name, hint)| {
                let name = Ident::new(name, Span::call_site());
                hint.map(|hint| quote!(.#name(#hint)))
            });
            calls.extend(quote!(.annotations(#core::model::ToolAnnotations::new() #(#hints)*)));
        }
        if !self.scopes.is_empty() {
            let scopes = &self.scopes;
            calls.extend(quote!(.scopes(&[#(#scopes),*])));
        }
        if let Some(milliseconds) = self.timeout_ms {
            calls.extend(quote!(.timeout(::core::time::Duration::from_millis(#milliseconds))));
        }
        if !self.icons.is_empty() {
            let icons = &self.icons;
            calls.extend(quote!(.icons(&[#(#icons),*])));
        }
        if let Some(support) = &self.task {
            calls.extend(quote!(.task(#core::tasks::TaskSupport::#support)));
        }
        if let Some(uri) = &self.ui {
            calls.extend(quote!(.ui(#uri)));
        }
        if self.app_only {
            calls.extend(quote!(.app_only()));
        }
        calls
    }
}

/// The header that an argument is mirrored into, if any.
pub(crate) fn header(attributes: &[Attribute], kind: &Type) -> Result<Option<LitStr>> {
    let mut header: Option<LitStr> = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("tool")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("header") {
                return Err(meta.error(
                    "an argument takes only `header = \"…\"`; the other options go on the tool",
                ));
            }
            if header.is_some() {
                return Err(meta.error("`header` is given twice"));
            }
            let value = string(&meta)?;
            let text = value.value();
            // RFC 9110, section 5.6.2: a token.
            let is_token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if text.is_empty() || !text.bytes().all(is_token) {
                return Err(Error::new(
                    value.span(),
                    "a header's name consists of letters, digits and `-`, such as \"Region\"",
                ));
            }
            if !is_primitive(kind) {
                return Err(Error::new_spanned(
                    kind,
                    "only a string, an integer, a boolean or an `Option` of one can be a header",
                ));
            }
            header = Some(value);
            Ok(())
        })?;
    }
    Ok(header)
}

/// Whether a type is one that a header can hold, as far as its name tells; what it does not tell
/// is checked when the server is built.
fn is_primitive(kind: &Type) -> bool {
    let Type::Path(path) = kind else { return matches!(kind, Type::Reference(_)) };
    let Some(last) = path.path.segments.last() else { return false };
    match last.ident.to_string().as_str() {
        "f32" | "f64" | "Vec" | "HashMap" | "BTreeMap" | "HashSet" | "BTreeSet" | "Value" => false,
        "Option" => match &last.arguments {
            PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                Some(GenericArgument::Type(inner)) => is_primitive(inner),
                _ => true,
            },
            _ => true,
        },
        _ => true,
    }
}

fn tool_name(name: LitStr) -> Result<LitStr> {
    if is_tool_name(&name.value()) {
        Ok(name)
    } else {
        Err(Error::new(
            name.span(),
            "a tool's name consists of 1 to 128 letters (A-Z, a-z), digits, `_`, `-` and `.`",
        ))
    }
}

/// Names beside the tool's own. Whether one is also that of another tool is checked when the server
/// is built.
fn aliases(aliases: Vec<LitStr>) -> Result<Vec<LitStr>> {
    let mut checked: Vec<LitStr> = Vec::with_capacity(aliases.len());
    for alias in aliases {
        let alias = tool_name(alias)?;
        if checked.iter().any(|other| other.value() == alias.value()) {
            return Err(Error::new(alias.span(), "this alias is given twice"));
        }
        checked.push(alias);
    }
    Ok(checked)
}

/// What all clients take for a name (2026-07-28, Tools, Tool Names).
pub(crate) fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn app_uri(uri: LitStr) -> Result<LitStr> {
    if uri.value().strip_prefix("ui://").is_none_or(str::is_empty) {
        return Err(Error::new(
            uri.span(),
            "the URI of an app begins with `ui://`, such as \"ui://sales/chart\"",
        ));
    }
    Ok(uri)
}

pub(crate) fn title(title: LitStr) -> Result<LitStr> {
    if title.value().trim().is_empty() {
        return Err(Error::new(title.span(), "a title is not blank; leave it out instead"));
    }
    Ok(title)
}

/// RFC 6749, section 3.3: visible ASCII without `"` and `\`.
pub(crate) fn check_scope(scope: &LitStr) -> Result<()> {
    let text = scope.value();
    let is_scope = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if text.is_empty() || !text.bytes().all(is_scope) {
        return Err(Error::new(
            scope.span(),
            "a scope is one word, such as \"sales:read\"; several are a list",
        ));
    }
    Ok(())
}

pub(crate) fn check_icon(icon: &LitStr) -> Result<()> {
    let source = icon.value();
    if !source.starts_with("https://") && !source.starts_with("data:") {
        return Err(Error::new(icon.span(), "an icon is an `https://` or a `data:` URI"));
    }
    Ok(())
}

pub(crate) fn string(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let value: Expr = meta.value()?.parse()?;
    string_literal(value)
}

fn string_literal(value: Expr) -> Result<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(Error::new_spanned(other, "expected a string in quotes")),
    }
}

pub(crate) fn strings(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let value: Expr = meta.value()?.parse()?;
    match value {
        Expr::Array(ExprArray { elems, .. }) if !elems.is_empty() => {
            elems.into_iter().map(string_literal).collect()
        }
        other => Err(Error::new_spanned(other, "expected a list such as `[\"…\"]`")),
    }
}

fn flag(meta: &ParseNestedMeta<'_>) -> Result<bool> {
    if meta.input.peek(syn::Token![=]) {
        let value: LitBool = meta
            .value()?
            .parse()
            .map_err(|error| Error::new(error.span(), "expected `true` or `false`"))?;
        Ok(value.value)
    } else {
        Ok(true)
    }
}

/// Reads `task`, or one of its values.
fn task(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    let mut support = "Optional";
    if meta.input.peek(syn::Token![=]) {
        let value = string(meta)?;
        support = match value.value().as_str() {
            "optional" => "Optional",
            "required" => "Required",
            "on_demand" => "OnDemand",
            _ => {
                return Err(Error::new(
                    value.span(),
                    "expected \"optional\", \"required\" or \"on_demand\"",
                ));
            }
        };
    }
    Ok(Ident::new(support, Span::call_site()))
}

/// Reads `250ms`, `20s` or `5m`.
pub(crate) fn milliseconds(text: &LitStr) -> Result<u64> {
    let value = text.value();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|milliseconds| *milliseconds > 0)
        .ok_or_else(|| {
            Error::new(
                text.span(),
                "expected a duration above zero, such as \"250ms\", \"20s\" or \"5m\"",
            )
        })
}
