//! What several checks look at: asked for once in a region, by whichever check comes first.

use std::{collections::HashSet, future::Future};

use chrono::{DateTime, NaiveDateTime, Utc};
use mcp_aws::{List, Page, service};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;

use super::{
    check::Api,
    metrics::{Metric, Statistic},
    scope::{Problem, Scope},
};
use crate::aws::page;

pub(super) const DESCRIBE_VOLUMES: Api =
    Api::new(&service::EC2, "DescribeVolumes", "ec2:DescribeVolumes");
pub(super) const DESCRIBE_SNAPSHOTS: Api =
    Api::new(&service::EC2, "DescribeSnapshots", "ec2:DescribeSnapshots");
pub(super) const DESCRIBE_IMAGES: Api =
    Api::new(&service::EC2, "DescribeImages", "ec2:DescribeImages");
pub(super) const DESCRIBE_INSTANCES: Api =
    Api::new(&service::EC2, "DescribeInstances", "ec2:DescribeInstances");
pub(super) const DESCRIBE_ADDRESSES: Api =
    Api::new(&service::EC2, "DescribeAddresses", "ec2:DescribeAddresses");
pub(super) const DESCRIBE_INTERFACES: Api =
    Api::new(&service::EC2, "DescribeNetworkInterfaces", "ec2:DescribeNetworkInterfaces");
pub(super) const LIST_FUNCTIONS: Api =
    Api::get(&service::LAMBDA, "ListFunctions", "lambda:ListFunctions", "/2015-03-31/functions/");
pub(super) const DESCRIBE_LOG_GROUPS: Api =
    Api::new(&service::LOGS, "DescribeLogGroups", "logs:DescribeLogGroups");
pub(super) const LIST_BUCKETS: Api =
    Api::get(&service::S3, "ListBuckets", "s3:ListAllMyBuckets", "/");

/// A list that is loaded once. A failure is kept, too: it would be the same for the next check.
#[derive(Debug)]
struct Shared<T>(OnceCell<Result<Vec<T>, Problem>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Shared<T> {
    async fn get(
        &self,
        load: impl Future<Output = Result<Vec<T>, Problem>>,
    ) -> Result<&[T], Problem> {
        let loaded = self.0.get_or_init(|| load).await;
        loaded.as_ref().map(Vec::as_slice).map_err(Clone::clone)
    }
}

/// The lists of a region.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    volumes: Shared<Volume>,
    snapshots: Shared<Snapshot>,
    images: Shared<Image>,
    instances: Shared<Instance>,
    loads: Shared<Load>,
    addresses: Shared<Address>,
    interfaces: Shared<Interface>,
    functions: Shared<Function>,
    log_groups: Shared<LogGroup>,
    buckets: Shared<Bucket>,
}

/// A tag of EC2.
#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

pub(super) fn name_tag(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key == "Name").map(|tag| tag.value.as_str())
}

/// A time as the XML protocols have it.
pub(super) fn time(text: Option<&str>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|time| time.to_utc())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    pub(super) volume_id: String,
    pub(super) size: u32,
    pub(super) volume_type: String,
    pub(super) status: String,
    pub(super) create_time: Option<String>,
    #[serde(default)]
    pub(super) tag_set: List<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snapshot {
    pub(super) snapshot_id: String,
    owner_id: Option<String>,
    pub(super) volume_id: Option<String>,
    #[serde(default)]
    pub(super) volume_size: u32,
    pub(super) start_time: Option<String>,
    #[serde(default)]
    pub(super) tag_set: List<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub(super) image_id: String,
    pub(super) name: Option<String>,
    pub(super) creation_date: Option<String>,
    pub(super) last_launched_time: Option<String>,
    #[serde(default)]
    pub(super) block_device_mapping: List<BlockDevice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BlockDevice {
    pub(super) ebs: Option<Ebs>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ebs {
    pub(super) snapshot_id: Option<String>,
    pub(super) volume_id: Option<String>,
    pub(super) volume_size: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instance {
    pub(super) instance_id: String,
    pub(super) image_id: Option<String>,
    pub(super) instance_type: String,
    pub(super) launch_time: Option<String>,
    instance_state: InstanceState,
    reason: Option<String>,
    #[serde(default)]
    pub(super) block_device_mapping: List<BlockDevice>,
    #[serde(default)]
    pub(super) tag_set: List<Tag>,
}

#[derive(Debug, Deserialize)]
struct InstanceState {
    name: String,
}

impl Instance {
    pub(super) fn is(&self, state: &str) -> bool {
        self.instance_state.name == state
    }

    pub(super) fn has_tag(&self, key: &str) -> bool {
        self.tag_set.iter().any(|tag| tag.key == key)
    }

    /// When it was stopped, if its reason says so: `User initiated (2026-07-01 08:00:00 GMT)`.
    pub(super) fn stopped_at(&self) -> Option<DateTime<Utc>> {
        let (_, time) = self.reason.as_deref()?.split_once('(')?;
        let time = time.get(..19)?;
        NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc())
    }
}

/// What a running instance did.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) cpu_maximum: Option<f64>,
    pub(super) cpu_average: Option<f64>,
    /// Bytes in and out.
    pub(super) network: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    pub(super) public_ip: String,
    pub(super) allocation_id: Option<String>,
    pub(super) association_id: Option<String>,
    pub(super) instance_id: Option<String>,
    pub(super) network_interface_id: Option<String>,
    #[serde(default)]
    pub(super) tag_set: List<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Interface {
    pub(super) network_interface_id: String,
    pub(super) status: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function {
    pub(super) function_name: String,
    pub(super) function_arn: String,
    last_modified: Option<String>,
    #[serde(default)]
    pub(super) memory_size: u32,
}

impl Function {
    pub(super) fn modified_at(&self) -> Option<DateTime<Utc>> {
        let text = self.last_modified.as_deref()?;
        time(Some(text)).or_else(|| {
            DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok().map(|time| time.to_utc())
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogGroup {
    pub(super) log_group_name: String,
    pub(super) creation_time: Option<i64>,
    pub(super) retention_in_days: Option<u32>,
    #[serde(default)]
    pub(super) stored_bytes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) creation_date: Option<String>,
    bucket_region: Option<String>,
}

page!(Volumes { volume_set: List<Volume> }, "camelCase", "NextToken", next_token);
page!(Snapshots { snapshot_set: List<Snapshot> }, "camelCase", "NextToken", next_token);
page!(Images { images_set: List<Image> }, "camelCase", "NextToken", next_token);
page!(Reservations { reservation_set: List<Reservation> }, "camelCase", "NextToken", next_token);
page!(Addresses { addresses_set: List<Address> }, "camelCase", "NextToken", next_token);
page!(Interfaces { network_interface_set: List<Interface> }, "camelCase", "NextToken", next_token);
page!(Functions { functions: Vec<Function> }, "PascalCase", "Marker", next_marker);
page!(LogGroups { log_groups: Vec<LogGroup> }, "camelCase", "nextToken", next_token);
page!(Buckets { buckets: List<Bucket> }, "PascalCase", "continuation-token", continuation_token);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservation {
    #[serde(default)]
    instances_set: List<Instance>,
}

impl Scope {
    async fn list<T: Page, I, L: IntoIterator<Item = I>>(
        &self,
        api: &'static Api,
        request: mcp_aws::Request,
        items: impl Fn(T) -> L,
    ) -> Result<Vec<I>, Problem> {
        Ok(self.pages::<T>(api, request).await?.into_iter().flat_map(items).collect())
    }

    pub(super) async fn volumes(&self) -> Result<&[Volume], Problem> {
        let request = DESCRIBE_VOLUMES.request(&[]).with("MaxResults", 500);
        let load = self.list(&DESCRIBE_VOLUMES, request, |page: Volumes| page.volume_set);
        self.inventory.volumes.get(load).await
    }

    /// Those of the account's own.
    pub(super) async fn snapshots(&self) -> Result<&[Snapshot], Problem> {
        let request =
            DESCRIBE_SNAPSHOTS.request(&[]).with("Owner", json!(["self"])).with("MaxResults", 1000);
        let load = async {
            let listed =
                self.list(&DESCRIBE_SNAPSHOTS, request, |page: Snapshots| page.snapshot_set);
            let mut snapshots = listed.await?;
            // Emulators answer those of others, too.
            let account = Some(self.scan.account.as_str());
            snapshots.retain(|snapshot| snapshot.owner_id.as_deref() == account);
            Ok(snapshots)
        };
        self.inventory.snapshots.get(load).await
    }

    /// Those of the account's own.
    pub(super) async fn images(&self) -> Result<&[Image], Problem> {
        let request =
            DESCRIBE_IMAGES.request(&[]).with("Owner", json!(["self"])).with("MaxResults", 1000);
        let load = self.list(&DESCRIBE_IMAGES, request, |page: Images| page.images_set);
        self.inventory.images.get(load).await
    }

    /// Snapshots that images are made of.
    pub(super) async fn snapshots_of_images(&self) -> Result<HashSet<&str>, Problem> {
        let devices =
            self.images().await?.iter().flat_map(|image| image.block_device_mapping.iter());
        let ebs = devices.filter_map(|device| device.ebs.as_ref());
        Ok(ebs.filter_map(|ebs| ebs.snapshot_id.as_deref()).collect())
    }

    pub(super) async fn instances(&self) -> Result<&[Instance], Problem> {
        let request = DESCRIBE_INSTANCES.request(&[]).with("MaxResults", 500);
        let load = self.list(&DESCRIBE_INSTANCES, request, |page: Reservations| {
            page.reservation_set.into_iter().flat_map(|reservation| reservation.instances_set)
        });
        self.inventory.instances.get(load).await
    }

    /// The running instances that are old enough, with what they did.
    pub(super) async fn loads(&self) -> Result<Vec<(&Instance, &Load)>, Problem> {
        let running: Vec<&Instance> = self
            .instances()
            .await?
            .iter()
            .filter(|instance| instance.is("running"))
            .filter(|instance| self.is_old(time(instance.launch_time.as_deref())))
            .collect();
        let loads = self.inventory.loads.get(self.measure_loads(&running)).await?;
        Ok(running.into_iter().zip(loads).collect())
    }

    async fn measure_loads(&self, running: &[&Instance]) -> Result<Vec<Load>, Problem> {
        let metrics = [
            ("CPUUtilization", Statistic::Maximum),
            ("CPUUtilization", Statistic::Average),
            ("NetworkIn", Statistic::Sum),
            ("NetworkOut", Statistic::Sum),
        ];
        let wanted: Vec<Metric<'_>> = running
            .iter()
            .flat_map(|instance| {
                metrics.iter().map(|(name, statistic)| Metric {
                    namespace: "AWS/EC2",
                    name,
                    statistic: *statistic,
                    dimensions: vec![("InstanceId", instance.instance_id.as_str())],
                })
            })
            .collect();
        let measured = self.measure(&wanted).await?;
        let loads = measured.chunks_exact(metrics.len()).map(|values| Load {
            cpu_maximum: values[0],
            cpu_average: values[1],
            network: match (values[2], values[3]) {
                (None, None) => None,
                (bytes_in, bytes_out) => Some(bytes_in.unwrap_or(0.0) + bytes_out.unwrap_or(0.0)),
            },
        });
        Ok(loads.collect())
    }

    pub(super) async fn addresses(&self) -> Result<&[Address], Problem> {
        let request = DESCRIBE_ADDRESSES.request(&[]);
        let load = self.list(&DESCRIBE_ADDRESSES, request, |page: Addresses| page.addresses_set);
        self.inventory.addresses.get(load).await
    }

    pub(super) async fn interfaces(&self) -> Result<&[Interface], Problem> {
        let request = DESCRIBE_INTERFACES.request(&[]).with("MaxResults", 500);
        let load =
            self.list(&DESCRIBE_INTERFACES, request, |page: Interfaces| page.network_interface_set);
        self.inventory.interfaces.get(load).await
    }

    pub(super) async fn functions(&self) -> Result<&[Function], Problem> {
        let request = LIST_FUNCTIONS.request(&[]).with("MaxItems", 50);
        let load = self.list(&LIST_FUNCTIONS, request, |page: Functions| page.functions);
        self.inventory.functions.get(load).await
    }

    pub(super) async fn log_groups(&self) -> Result<&[LogGroup], Problem> {
        let request = DESCRIBE_LOG_GROUPS.request(&[]).with("limit", 50);
        let load = self.list(&DESCRIBE_LOG_GROUPS, request, |page: LogGroups| page.log_groups);
        self.inventory.log_groups.get(load).await
    }

    /// The buckets of this region.
    pub(super) async fn buckets(&self) -> Result<&[Bucket], Problem> {
        let request = LIST_BUCKETS
            .request(&[])
            .with("max-buckets", 1000)
            .with("bucket-region", self.region());
        let load = async {
            let listed = self.list(&LIST_BUCKETS, request, |page: Buckets| page.buckets);
            let here = |bucket: &Bucket| {
                bucket.bucket_region.as_deref().is_none_or(|region| region == self.region())
            };
            Ok(listed.await?.into_iter().filter(here).collect())
        };
        self.inventory.buckets.get(load).await
    }
}
