//! The arguments of `#[nvme_test]`.

use proc_macro2::TokenStream;
use proc_macro2::TokenTree;
use syn::Error;
use syn::Expr;
use syn::Ident;
use syn::LitStr;
use syn::Path;
use syn::Result;
use syn::Token;
use syn::ext::IdentExt;
use syn::parenthesized;
use syn::parse::ParseStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;

use crate::errors::Errors;

#[derive(Default)]
pub(crate) struct Args {
    pub(crate) spec: Option<LitStr>,
    pub(crate) ignore: Option<LitStr>,
    pub(crate) timeout: Option<Expr>,
    pub(crate) requires: Vec<Path>,
    /// The argument's name, to report a test that does not take its cases.
    pub(crate) cases_key: Option<Ident>,
    pub(crate) cases: Vec<Case>,
}

/// `name = value`.
pub(crate) struct Case {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

impl Args {
    /// Parses the arguments; what is wrong is kept in `errors`, and the rest is still read.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            let mut seen: Vec<Ident> = Vec::new();
            while !input.is_empty() {
                if let Err(error) = args.argument(input, &mut seen, errors) {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        })
        .parse2(tokens);
        errors.check(parsed);
        args
    }

    fn argument(
        &mut self,
        input: ParseStream<'_>,
        seen: &mut Vec<Ident>,
        errors: &mut Errors,
    ) -> Result<()> {
        let key: Ident = input.call(Ident::parse_any)?;
        if seen.contains(&key) {
            return Err(Error::new(key.span(), format!("`{key}` is given twice")));
        }
        seen.push(key.clone());
        match key.to_string().as_str() {
            "spec" => self.spec = Some(value(&key, "\"Base 5.1.13\"", input)?),
            "ignore" => self.ignore = Some(value(&key, "\"the reason\"", input)?),
            "timeout" => {
                self.timeout = Some(value(&key, "Duration::from_secs(120)", input)?);
            }
            "requires" => {
                self.requires = list(&key, "COMPARE, WRITE_ZEROES", input, Path::parse_mod_style)?;
            }
            "cases" => {
                self.cases_key = Some(key.clone());
                self.cases = list(&key, "one = 1, two = 2", input, case)?;
                check_names(&self.cases, errors);
            }
            _ => {
                let message = format!(
                    "unknown argument `{key}`, expected one of `spec`, `ignore`, `timeout`, \
                     `requires`, `cases`"
                );
                return Err(Error::new(key.span(), message));
            }
        }
        Ok(())
    }
}

/// Parses `= value`.
fn value<T: syn::parse::Parse>(key: &Ident, example: &str, input: ParseStream<'_>) -> Result<T> {
    if !input.peek(Token![=]) {
        let message = format!("`{key}` needs a value: `{key} = {example}`");
        return Err(Error::new(key.span(), message));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Parses `(item, item, ...)`.
fn list<T>(
    key: &Ident,
    example: &str,
    input: ParseStream<'_>,
    item: fn(ParseStream<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let missing = || Error::new(key.span(), format!("`{key}` needs a list: `{key}({example})`"));
    if !input.peek(syn::token::Paren) {
        return Err(missing());
    }
    let content;
    parenthesized!(content in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated_with(&content, item);
    // One error is enough: what is left unread would be another.
    let items = items.inspect_err(|_| drop(content.parse::<TokenStream>()))?;
    if items.is_empty() {
        return Err(missing());
    }
    Ok(items.into_iter().collect())
}

fn case(input: ParseStream<'_>) -> Result<Case> {
    if !(input.peek(Ident) && input.peek2(Token![=])) {
        return Err(input.error("a case has a name, which is reported: `name = value`"));
    }
    let name = input.parse()?;
    input.parse::<Token![=]>()?;
    Ok(Case { name, value: input.parse()? })
}

fn check_names(cases: &[Case], errors: &mut Errors) {
    for (index, Case { name, .. }) in cases.iter().enumerate() {
        if cases[..index].iter().any(|earlier| earlier.name == *name) {
            errors.at(name, format!("the case `{name}` is given twice"));
        }
    }
}

/// Leaves out the rest of an argument that is wrong.
fn skip_to_comma(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
