//! The text of a test, which a report shows where no sources are.

use proc_macro2::Group;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::ReturnType;

use crate::function::Function;

/// The function without its attributes, and the line that it begins in.
pub(crate) struct Source {
    pub(crate) line: u32,
    pub(crate) text: String,
}

impl Source {
    /// Takes it from the file, unless the function was made by another macro.
    pub(crate) fn of(function: &Function) -> Option<Self> {
        let signature = &function.signature;
        let parameters = signature.paren_token.span.join().source_text()?;
        let output = match &signature.output {
            ReturnType::Default => String::new(),
            ReturnType::Type(_, ty) => format!("-> {} ", spaced(ty.to_token_stream())?),
        };
        let body = body(function)?.span().source_text()?;
        let text = format!("fn {}{parameters} {output}{body}", signature.ident);
        Some(Self { line: signature.fn_token.span.start().line.try_into().ok()?, text })
    }
}

fn body(function: &Function) -> Option<Group> {
    match function.body.clone().into_iter().next()? {
        TokenTree::Group(group) => Some(group),
        _ => None,
    }
}

/// Returns the tokens as they are in the file, without what is between them.
fn spaced(tokens: TokenStream) -> Option<String> {
    tokens.into_iter().map(|token| token.span().source_text()).collect()
}
