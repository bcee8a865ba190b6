//! The function that is a test.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Attribute;
use syn::Error;
use syn::FnArg;
use syn::Item;
use syn::Result;
use syn::Safety;
use syn::Signature;
use syn::Token;
use syn::Visibility;
use syn::parse::Parse;
use syn::parse::ParseStream;

use crate::errors::Errors;

/// A function whose body is not looked at: a body that does not parse is the compiler's to report, and the
/// editor's to complete in.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

impl Function {
    /// Parses `item`, or says that it is not a function.
    pub(crate) fn parse(item: &TokenStream) -> Result<Self> {
        syn::parse2(item.clone()).map_err(|error| match syn::parse2::<Item>(item.clone()) {
            Ok(Item::Fn(_)) | Err(_) => error,
            Ok(other) => Error::new_spanned(other, "`#[nvme_test]` is for functions"),
        })
    }

    /// Removes `#[case]` from the parameters, which the compiler does not know, and returns the index of
    /// the parameter that had it.
    pub(crate) fn take_case(&mut self, errors: &mut Errors) -> Option<usize> {
        let mut found = None;
        for (index, input) in self.signature.inputs.iter_mut().enumerate() {
            let FnArg::Typed(input) = input else { continue };
            for attribute in input.attrs.extract_if(.., |attr| attr.path().is_ident("case")) {
                if attribute.meta.require_path_only().is_err() {
                    errors.at(&attribute, "`#[case]` takes no arguments");
                }
                if found.replace(index).is_some() {
                    let message = "a test has one `#[case]`: take a tuple apart, \
                                   `#[case] (a, b): (u32, u64)`";
                    errors.at(attribute, message);
                }
            }
        }
        found
    }

    /// Checks everything but the types of the parameters, which the compiler knows better.
    pub(crate) fn check(&self, errors: &mut Errors) {
        let Signature { constness, asyncness, safety, abi, generics, variadic, .. } =
            &self.signature;
        if let Some(token) = constness {
            errors.at(token, "a test cannot be `const`: it drives a device");
        }
        if let Some(token) = asyncness {
            let message = "a test cannot be `async`: run a command to wait for it, \
                           or open a scope to have several in flight";
            errors.at(token, message);
        }
        if let Safety::Unsafe(token) = safety {
            let message = "a test cannot be `unsafe`: nobody reads its safety conditions; \
                           use an `unsafe` block inside";
            errors.at(token, message);
        }
        if let Some(abi) = abi {
            errors.at(abi, "a test cannot be `extern`: only the runner calls it");
        }
        if !generics.params.is_empty() {
            errors.at(generics, "a test cannot be generic: use `cases(...)` for values");
        } else if let Some(clause) = &generics.where_clause {
            errors.at(clause, "a test cannot be generic, so it has no `where`");
        }
        if let Some(variadic) = variadic {
            errors.at(variadic, "a test cannot be variadic: each parameter is a fixture");
        }
        for attribute in &self.attributes {
            if let Some(message) = misplaced(attribute) {
                errors.at(attribute, message);
            }
        }
    }
}

/// Says what to write in place of an attribute of the compiler's own test harness.
fn misplaced(attribute: &Attribute) -> Option<&'static str> {
    let path = attribute.path();
    if path.is_ident("ignore") {
        Some("write the reason into the other attribute: `#[nvme_test(ignore = \"the reason\")]`")
    } else if path.is_ident("test") {
        Some("`#[nvme_test]` is enough: the runner calls the test, and not the compiler's harness")
    } else if path.is_ident("should_panic") {
        Some("a panic is a failure: check for the error that you expect")
    } else {
        None
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("a test has a body"));
        }
        Ok(Self { attributes, visibility, signature, body: input.parse()? })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
