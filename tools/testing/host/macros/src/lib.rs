// SPDX-License-Identifier: GPL-2.0

//! Attributes of the kernel's pin-init. On the host locks may move: there is nothing to pin.

use proc_macro::{
    Delimiter,
    Group,
    TokenStream,
    TokenTree, //
};

/// Marks a structure of which fields are pinned. Removes the `#[pin]` of its fields.
#[proc_macro_attribute]
pub fn pin_data(_args: TokenStream, item: TokenStream) -> TokenStream {
    item.into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                Group::new(Delimiter::Brace, without_pin(group.stream())).into()
            }
            other => other,
        })
        .collect()
}

fn without_pin(fields: TokenStream) -> TokenStream {
    let mut kept = Vec::new();

    for tree in fields {
        let is_pin = matches!(&tree, TokenTree::Group(group)
            if group.delimiter() == Delimiter::Bracket && group.stream().to_string() == "pin");

        if is_pin {
            // The `#` before it.
            kept.pop();
        } else {
            kept.push(tree);
        }
    }
    kept.into_iter().collect()
}
