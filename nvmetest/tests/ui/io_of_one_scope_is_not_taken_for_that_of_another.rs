use nvmetest::{Io, Nvm};

fn shorten<'scope, 'inner, 'env>(io: &'scope Io<'scope, 'env, Nvm>) -> &'inner Io<'inner, 'env, Nvm>
where
    'scope: 'inner,
{
    io
}

fn main() {}
