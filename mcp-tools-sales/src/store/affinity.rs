//! Which products are in the same orders: each order's products are paired and counted.

use std::{collections::HashMap, sync::Arc};

use super::{Codes, Data};
use crate::{
    Affinity, AffinityQuery, Dimension, ProductPair, QueryError, QueryErrorKind,
    store::scan::{Block, Conditions},
};

/// So many pairs take some hundred megabytes to count.
const MOST_PAIRS: usize = 1 << 23;

type Counts<K> = HashMap<K, u64, foldhash::fast::RandomState>;

impl Data {
    pub(super) fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        let Some(orders) = &self.rows.order else { return Err(no_orders()) };
        let mut filter = query.filter.clone();
        let asked = match filter.product.take() {
            None => None,
            Some(name) => match self.names(Dimension::Product).code(&name) {
                None => return Ok(Affinity::default()),
                code => code,
            },
        };
        let Some(conditions) = Conditions::new(self, &filter) else {
            return Ok(Affinity::default());
        };
        let mut lines: Vec<(u32, u32)> = Vec::new();
        let mut block = Block::default();
        let (mut order, mut product, mut units) = (Vec::new(), Vec::new(), Vec::new());
        for rows in Block::cut(self.rows_of(&filter)) {
            let count = block.choose(rows, &conditions);
            block.read(orders, &mut order);
            block.read(&self.rows.units, &mut units);
            match self.rows.codes(Dimension::Product) {
                Codes::Each(codes) => block.read(codes, &mut product),
                Codes::One => product.resize(count, 0),
            }
            let code = |code: &i64| u32::try_from(*code).unwrap_or(u32::MAX);
            let sold = order.iter().zip(&product).zip(&units).filter(|(_, units)| **units > 0);
            lines.extend(sold.map(|((order, product), _)| (code(order), code(product))));
        }
        lines.sort_unstable();
        lines.dedup();
        let mut count = 0;
        let mut of_product = Counts::<u32>::default();
        let mut together = Counts::<(u32, u32)>::default();
        for order in lines.chunk_by(|a, b| a.0 == b.0) {
            count += 1;
            for &(_, product) in order {
                *of_product.entry(product).or_default() += 1;
            }
            match asked {
                Some(asked) if order.iter().any(|&(_, product)| product == asked) => {
                    for &(_, other) in order.iter().filter(|&&(_, other)| other != asked) {
                        *together.entry((asked, other)).or_default() += 1;
                    }
                }
                Some(_) => {}
                None => {
                    for (at, &(_, one)) in order.iter().enumerate() {
                        for &(_, other) in &order[at + 1..] {
                            *together.entry((one, other)).or_default() += 1;
                        }
                        // One order may be a whole catalogue.
                        if together.len() > MOST_PAIRS {
                            return Err(too_many());
                        }
                    }
                }
            }
        }
        let pairs = together.len() as u64;
        let name = |code| {
            self.names(Dimension::Product).decode(code).map_or_else(|| "".into(), Arc::clone)
        };
        let orders_of = |code| of_product.get(&code).copied().unwrap_or_default();
        // Most of a million pairs are together once: names are made of those alone that may be shown.
        let least = {
            let mut counts: Vec<u64> = together.values().copied().collect();
            let wanted = query.limit.min(counts.len());
            match wanted.checked_sub(1) {
                Some(last) => *counts.select_nth_unstable_by(last, |a, b| b.cmp(a)).1,
                None => u64::MAX,
            }
        };
        let mut shown: Vec<ProductPair> = together
            .into_iter()
            .filter(|(_, together)| *together >= least)
            .map(|((one, other), together)| {
                // Codes are in no order that anyone knows.
                let swap = asked.is_none() && name(one) > name(other);
                let (one, other) = if swap { (other, one) } else { (one, other) };
                ProductPair {
                    product: name(one),
                    other: name(other),
                    together,
                    orders: orders_of(one),
                    other_orders: orders_of(other),
                }
            })
            .collect();
        shown.sort_unstable_by(|a, b| {
            b.together
                .cmp(&a.together)
                .then_with(|| (&a.product, &a.other).cmp(&(&b.product, &b.other)))
        });
        shown.truncate(query.limit);
        Ok(Affinity { orders: count, pairs: shown, count: pairs, cost: None })
    }
}

pub(crate) fn no_orders() -> QueryError {
    QueryError::new(
        QueryErrorKind::NoSuchData,
        "The data does not say which order a line belongs to, so that it is not known what is sold \
         together. A column `order`, or `order = \"…\"` under [columns] in sales.toml, would say it."
            .to_owned(),
    )
}

fn too_many() -> QueryError {
    QueryError::new(
        QueryErrorKind::TooExpensive,
        format!(
            "More than {MOST_PAIRS} pairs of products are sold together. Name a product, or choose a \
             shorter period or one operation."
        ),
    )
}
