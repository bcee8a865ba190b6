//! The expansion of `#[nvme_test]`.
//!
//! The function is emitted as it was written, also if there is an error: its body is then still checked, and
//! the editor still completes in it. What is added is one constant without a name, which holds everything
//! else.

use proc_macro2::TokenStream;
use quote::quote;
use quote::quote_spanned;
use syn::Expr;
use syn::ReturnType;
use syn::spanned::Spanned;

use crate::args::Args;
use crate::args::Case;
use crate::errors::Errors;
use crate::fixtures::Fixtures;
use crate::function::Function;
use crate::source::Source;

pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let Some(mut function) = errors.check(Function::parse(&item)) else {
        let errors = errors.into_compile_error();
        return quote!(#item #errors);
    };
    let case = function.take_case(&mut errors);
    function.check(&mut errors);
    let fixtures = Fixtures::new(&function.signature, case, &mut errors);
    check_cases(&args, &function, &fixtures, &mut errors);

    let rest =
        errors.into_compile_error().unwrap_or_else(|| registration(&args, &function, &fixtures));
    quote!(#function #rest)
}

fn check_cases(args: &Args, function: &Function, fixtures: &Fixtures, errors: &mut Errors) {
    match (&args.cases_key, &fixtures.case) {
        (Some(key), None) => {
            errors.at(key, "no parameter takes the case: mark one with `#[case]`");
        }
        (None, Some(ty)) => {
            let name = &function.signature.ident;
            let message = format!(
                "`{name}` has no cases: list them, `#[nvme_test(cases(name = value, ...))]`"
            );
            errors.at(ty, message);
        }
        _ => {}
    }
}

fn registration(args: &Args, function: &Function, fixtures: &Fixtures) -> TokenStream {
    let name = &function.signature.ident;
    let name_text = name.to_string();
    let name_text = name_text.trim_start_matches("r#");
    let cfgs = function.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let spec = option(args.spec.as_ref());
    let ignore = option(args.ignore.as_ref());
    let timeout = option(args.timeout.as_ref().map(timeout));
    let requires = requires(args);
    let source = source(function);
    let run = run(function, fixtures);
    let cases = cases(args, fixtures);

    quote! {
        #(#cfgs)*
        const _: () = {
            #run

            #[::nvmetest::__private::linkme::distributed_slice(::nvmetest::__private::TESTS)]
            #[linkme(crate = ::nvmetest::__private::linkme)]
            static __TEST: ::nvmetest::__private::TestCase = ::nvmetest::__private::TestCase {
                module: ::core::module_path!(),
                name: #name_text,
                file: ::core::file!(),
                line: ::core::line!(),
                source: #source,
                spec: #spec,
                ignore: #ignore,
                timeout: #timeout,
                requires: #requires,
                cases: &[#(#cases),*],
            };
        };
    }
}

fn source(function: &Function) -> TokenStream {
    let source = Source::of(function).map(|Source { line, text }| quote!((#line, #text)));
    option(source)
}

fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// The type is said here so that the compiler reports another under the value.
fn timeout(value: &Expr) -> TokenStream {
    quote_spanned! {value.span()=>
        {
            let timeout: ::core::time::Duration = #value;
            timeout
        }
    }
}

/// The names resolve in `nvmetest::capability` first, so that the compiler reports one that does not exist
/// and suggests those that do.
fn requires(args: &Args) -> TokenStream {
    if args.requires.is_empty() {
        return quote!(&[]);
    }
    let names = args.requires.iter().map(|name| quote_spanned!(name.span()=> &#name));
    quote! {
        {
            #[allow(unused_imports)]
            use ::nvmetest::capability::*;
            &[#(#names),*]
        }
    }
}

/// The function that makes the fixtures and calls the test.
fn run(function: &Function, fixtures: &Fixtures) -> TokenStream {
    let name = &function.signature.ident;
    let Fixtures { setup, arguments, case } = fixtures;
    let case = case.iter();
    // With the span of the return type: one that is no outcome is reported there.
    let output = match &function.signature.output {
        ReturnType::Default => name.span(),
        ReturnType::Type(_, ty) => ty.span(),
    };
    let outcome = quote_spanned! {output=>
        #[allow(clippy::let_unit_value)]
        let outcome = #name(#(#arguments),*);
        ::nvmetest::__private::report(outcome)
    };
    quote! {
        #[allow(unused_variables)]
        fn __run(nvme: &mut ::nvmetest::Controller #(, case: #case)*) -> ::nvmetest::Result {
            #(#setup)*
            #outcome
        }
    }
}

fn cases(args: &Args, fixtures: &Fixtures) -> Vec<TokenStream> {
    let Some(ty) = &fixtures.case else {
        return vec![quote! {
            ::nvmetest::__private::Case { name: ::core::option::Option::None, run: __run }
        }];
    };
    let case = |Case { name, value }: &Case| {
        let name = name.to_string();
        quote_spanned! {value.span()=>
            ::nvmetest::__private::Case {
                name: ::core::option::Option::Some(#name),
                run: |nvme| {
                    let case: #ty = #value;
                    __run(nvme, case)
                },
            }
        }
    };
    args.cases.iter().map(case).collect()
}

#[cfg(test)]
mod tests;
