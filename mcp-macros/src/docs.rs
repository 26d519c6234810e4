use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of doc comments, or `None` if there is none to speak of.
pub(crate) fn text(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        if !meta.path.is_ident("doc") {
            continue;
        }
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value {
            let text = text.value();
            // A block comment may have a column of asterisks, which is no part of the text.
            let starred = text.lines().count() > 1
                && text.lines().skip(1).all(|line| {
                    let line = line.trim_start();
                    line.is_empty() || line.starts_with('*')
                });
            // A blank line is a paragraph's end; `lines` would yield nothing for it.
            lines.extend(text.split('\n').map(|line| {
                let line = if starred { line.trim_start().trim_start_matches('*') } else { line };
                line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()
            }));
        }
    }
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn lines_keep_their_indentation_and_lose_the_first_space() {
        let attributes = [
            parse_quote!(#[doc = " Adds."]),
            parse_quote!(#[doc = ""]),
            parse_quote!(#[doc = "   - twice"]),
        ];
        assert_eq!(text(&attributes).as_deref(), Some("Adds.\n\n  - twice"));
    }

    #[test]
    fn a_column_of_asterisks_is_no_text() {
        let attributes = [parse_quote!(#[doc = "\n * Adds\n * two.\n "])];
        assert_eq!(text(&attributes).as_deref(), Some("Adds\ntwo."));
    }

    #[test]
    fn blank_is_none() {
        assert_eq!(text(&[parse_quote!(#[doc = "  \n "])]), None);
        assert_eq!(text(&[parse_quote!(#[doc(hidden)])]), None);
    }
}
