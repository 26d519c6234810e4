//! Which columns of a file are what.

use parquet::{basic::ConvertedType, schema::types::SchemaDescriptor};

use crate::{
    DataColumn, Dimension, LoadError,
    load::{
        csv::shown,
        format::{Field, SalesFormat},
    },
};

/// Where in the file's schema the fields are.
pub(super) struct Columns {
    pub(super) date: usize,
    pub(super) dimensions: [Option<usize>; Dimension::ALL.len()],
    pub(super) order: Option<usize>,
    pub(super) units: usize,
    pub(super) amount: usize,
    /// Whether `amount` is the price of one.
    pub(super) is_price: bool,
    pub(super) returns: Option<usize>,
}

impl Columns {
    pub(super) fn find(
        name: &str,
        format: &SalesFormat,
        schema: &SchemaDescriptor,
    ) -> Result<Self, LoadError> {
        let required = format.required();
        let place = |column: &str| -> Result<Option<usize>, LoadError> {
            let mut found = (0..schema.num_columns())
                .filter(|&place| schema.column(place).path().string().eq_ignore_ascii_case(column));
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(LoadError::file(
                    name,
                    "each column once".to_owned(),
                    format!("{column} twice"),
                )),
                (place, _) => Ok(place),
            }
        };
        let must = |column: &str| -> Result<usize, LoadError> {
            place(column)?.ok_or_else(|| {
                let all: Vec<_> =
                    schema.columns().iter().map(|column| column.path().string()).collect();
                let required: Vec<&str> =
                    required.iter().map(|&field| format.column(field)).collect();
                LoadError::file(
                    name,
                    format!("the columns {}", required.join(", ")),
                    format!("no {column} in {}", shown(&all.join(","))),
                )
            })
        };
        let find = |field: Field| -> Result<Option<usize>, LoadError> {
            let column = format.column(field);
            if required.contains(&field) { must(column).map(Some) } else { place(column) }
        };
        let mut dimensions = [None; Dimension::ALL.len()];
        let date = must(format.column(Field::Date))?;
        for dimension in Dimension::ALL {
            dimensions[dimension as usize] = find(Field::of(dimension))?;
        }
        let is_price = required.contains(&Field::UnitPrice);
        let amount = if is_price { Field::UnitPrice } else { Field::Revenue };
        let columns = Self {
            date,
            dimensions,
            order: find(Field::Order)?,
            units: must(format.column(Field::Units))?,
            amount: must(format.column(amount))?,
            is_price,
            returns: format.returns.as_ref().map(|returns| must(&returns.column)).transpose()?,
        };
        Ok(columns)
    }

    /// The places of all.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let named = self.dimensions.into_iter().chain([self.order, self.returns]).flatten();
        named.chain([self.date, self.units, self.amount])
    }

    /// What the columns are and what they are used as.
    pub(super) fn describe(&self, schema: &SchemaDescriptor) -> Vec<DataColumn> {
        let amount = if self.is_price { Field::UnitPrice } else { Field::Revenue };
        let mut uses = vec![
            (Some(self.date), Field::Date.as_str()),
            (Some(self.units), Field::Units.as_str()),
            (Some(self.amount), amount.as_str()),
            (self.order, Field::Order.as_str()),
            (self.returns, "returns"),
        ];
        let dimensions = Dimension::ALL.iter().zip(self.dimensions);
        uses.extend(dimensions.map(|(dimension, place)| (place, dimension.as_str())));
        let columns = schema.columns().iter().enumerate();
        columns
            .map(|(place, column)| DataColumn {
                name: column.path().string(),
                kind: match column.converted_type() {
                    ConvertedType::NONE => format!("{}", column.physical_type()),
                    converted => format!("{converted}"),
                },
                used_as: uses
                    .iter()
                    .find(|(used, _)| *used == Some(place))
                    .map(|(_, field)| (*field).to_owned()),
            })
            .collect()
    }
}
