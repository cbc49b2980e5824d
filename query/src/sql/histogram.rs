//! SQL functions of histograms: `histogram_sum` adds them up, `histogram_quantile` reads them.

use super::attribute::binary;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int64Builder};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use binnacle_storage::rollup::histogram::Histogram;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// `histogram_sum(histogram)`: all histograms as one.
pub(super) fn sum() -> Arc<AggregateUDF> {
    let signature = Signature::uniform(1, vec![DataType::Binary], Volatility::Immutable);
    Arc::new(AggregateUDF::from(Sum { signature }))
}

/// `histogram_quantile(q, histogram)`: the duration that the share `q` does not exceed, in nanoseconds.
pub(super) fn quantile() -> Arc<ScalarUDF> {
    let arguments = vec![DataType::Float64, DataType::Binary];
    let signature = Signature::exact(arguments, Volatility::Immutable);
    Arc::new(ScalarUDF::from(Quantile { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    signature: Signature,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "histogram_sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One::default()))
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("histogram", DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::default()))
    }
}

/// The sum without groups; `None` of no histograms.
#[derive(Debug, Default)]
struct One {
    sum: Option<Histogram>,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for stored in binary(&values[0])?.iter().flatten() {
            add(self.sum.get_or_insert_default(), stored)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(self.sum.as_ref().map(stored)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sum.as_ref().map_or(0, Histogram::memory)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// A sum per group.
#[derive(Debug, Default)]
struct Groups {
    sums: Vec<Option<Histogram>>,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize_with(total, || None);
        let values = binary(&values[0])?;
        for (row, &group) in groups.iter().enumerate() {
            let is_in = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if is_in && values.is_valid(row) {
                add(self.sums[group].get_or_insert_default(), values.value(row))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        let sums = sums.iter().map(|sum| sum.as_ref().map(stored));
        Ok(Arc::new(BinaryArray::from_iter(sums)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(values, groups, None, total)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Some(filter) = filter else { return Ok(values.to_vec()) };
        let keep = filter.iter().map(|keep| Some(keep != Some(true))).collect::<BooleanArray>();
        Ok(vec![arrow::compute::nullif(&values[0], &keep)?])
    }

    fn size(&self) -> usize {
        let each = self.sums.iter().flatten().map(Histogram::memory);
        self.sums.capacity() * size_of::<Option<Histogram>>() + each.sum::<usize>()
    }
}

fn add(sum: &mut Histogram, stored: &[u8]) -> Result<()> {
    let added = sum.add_stored(stored, 1);
    added.map_err(|error| exec_datafusion_err!("these bytes are no histogram: {error}"))
}

fn stored(sum: &Histogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    sum.encode(&mut bytes);
    bytes
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    signature: Signature,
}

impl ScalarUDFImpl for Quantile {
    fn name(&self) -> &str {
        "histogram_quantile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [shares, histograms] = arguments.args.as_slice() else {
            return exec_err!("histogram_quantile takes a share and a histogram");
        };
        let shares = shares.clone().into_array(rows)?;
        let histograms = histograms.clone().into_array(rows)?;
        let (shares, histograms) = (shares.as_primitive::<Float64Type>(), binary(&histograms)?);
        let mut out = Int64Builder::with_capacity(rows);
        for (share, histogram) in shares.iter().zip(histograms.iter()) {
            let (Some(share), Some(histogram)) = (share, histogram) else {
                out.append_null();
                continue;
            };
            if !(0.0..=1.0).contains(&share) {
                return exec_err!("histogram_quantile takes a share from 0 to 1, not {share}");
            }
            let mut sum = Histogram::default();
            add(&mut sum, histogram)?;
            out.append_option(sum.quantile(share));
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}
