//! What Grafana and Prometheus load when they start fits together, and to what compose mounts where.

use std::fs;

use serde_json::Value;

use crate::support::{dashboards, files, promtool, root, text, yaml};

/// The mounts of a service as `source:target`, without what says that they are read-only.
fn mounts(service: &str) -> Vec<String> {
    let compose = yaml("deploy/compose.yaml");
    let mounts = compose["services"][service]["volumes"].as_array().unwrap();
    mounts
        .iter()
        .map(|mount| mount.as_str().unwrap().trim_end_matches(":ro").to_owned())
        .collect()
}

#[test]
fn grafana_finds_the_dashboards_where_compose_mounts_them() {
    let provider = &yaml("deploy/grafana/provisioning/dashboards/cache.yml")["providers"][0];
    let path = provider["options"]["path"].as_str().unwrap();
    assert!(mounts("grafana").contains(&format!("../dashboards:{path}")));
    assert!(
        !path.starts_with("/etc/grafana/provisioning"),
        "Grafana would read dashboards as providers"
    );
    let home = &yaml("deploy/compose.yaml")["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    let shown = dashboards()
        .iter()
        .any(|(file, _)| home == &format!("{path}/{}", file.file_name().unwrap().to_str().unwrap()));
    assert!(shown, "{home} is no dashboard");
    for fixed in [
        (&provider["allowUiUpdates"], false),
        (&provider["disableDeletion"], true),
    ] {
        assert_eq!(*fixed.0, fixed.1);
    }
}

/// Grafana looks into every folder below, and takes each file of JSON for a dashboard.
#[test]
fn nothing_else_of_json_is_below_the_folder_that_grafana_reads() {
    let (mut folders, mut found) = (vec![root().join("dashboards")], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                found += 1;
            }
        }
    }
    assert_eq!(found, dashboards().len());
}

#[test]
fn the_data_source_is_the_prometheus_of_compose_and_knows_how_often_it_scrapes() {
    let source = &yaml("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    assert!(yaml("deploy/compose.yaml")["services"]["prometheus"].is_object());
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    assert_eq!(
        source["jsonData"]["timeInterval"],
        prometheus["global"]["scrape_interval"]
    );
    assert_eq!(source["editable"], false);
}

#[test]
fn prometheus_finds_its_files_where_compose_mounts_them() {
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let mounts = mounts("prometheus");
    let mounted = |path: &str| {
        let folder = path.split('/').next().unwrap();
        let ends = |mount: &String| mount.ends_with(&format!(":/etc/prometheus/{folder}"));
        assert!(mounts.iter().any(ends), "{path} is not mounted");
    };
    mounted(prometheus["rule_files"][0].as_str().unwrap());
    let manager = &prometheus["alerting"]["alertmanagers"][0];
    for reader in prometheus["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .chain([manager])
    {
        let pattern = reader["file_sd_configs"][0]["files"][0].as_str().unwrap();
        mounted(pattern);
        // Each mode has a file for each reader, and if it is an empty list.
        let (folder, name) = pattern.split_once('/').unwrap();
        let modes = if folder == "targets" {
            ["app", "host"]
        } else {
            ["on", "off"]
        };
        for mode in modes {
            let file = format!("deploy/prometheus/{folder}/{mode}/{}", name.replace('*', ""));
            assert!(
                serde_json::from_str::<Value>(&text(&file)).unwrap().is_array(),
                "{file}"
            );
        }
    }
}

/// In each mode the files are put together as compose mounts them.
#[test]
fn promtool_has_nothing_to_say_about_the_configuration() {
    for (targets, alerting) in [("app", "on"), ("host", "off")] {
        let folder = tempfile::tempdir().unwrap();
        let copy = |from: &str, to: &str| {
            fs::create_dir(folder.path().join(to)).unwrap();
            for entry in fs::read_dir(root().join("deploy/prometheus").join(from)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), folder.path().join(to).join(entry.file_name())).unwrap();
            }
        };
        copy("rules", "rules");
        copy(&format!("targets/{targets}"), "targets");
        copy(&format!("alerting/{alerting}"), "alerting");
        let config = folder.path().join("prometheus.yml");
        fs::copy(root().join("deploy/prometheus/prometheus.yml"), &config).unwrap();
        let (well, said) = promtool(&["check", "config", config.to_str().unwrap()]);
        assert!(well && !said.contains("WARNING"), "{said}");
    }
}

#[test]
fn targets_are_services_of_compose_or_the_host() {
    let compose = yaml("deploy/compose.yaml");
    for folder in [
        "deploy/prometheus/targets/app",
        "deploy/prometheus/targets/host",
        "deploy/prometheus/alerting/on",
    ] {
        for file in files(folder, ".json") {
            let groups: Value = serde_json::from_str(&text(&file)).unwrap();
            for target in groups
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|group| group["targets"].as_array().unwrap())
            {
                let host = target.as_str().unwrap().split(':').next().unwrap();
                assert!(
                    host == "host.docker.internal" || compose["services"][host].is_object(),
                    "{target}"
                );
            }
        }
    }
}

/// The port of `host:port`.
fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap()
}

/// The port that a service of compose listens on in its container: that which is published, or which its health check
/// asks.
fn listens_on(service: &Value) -> String {
    if let Some(published) = service["ports"][0].as_str() {
        return port(published).to_owned();
    }
    let check = service["healthcheck"]["test"].to_string();
    let address = check.split("http://").nth(1).unwrap().split(['/', '"']).next();
    port(address.unwrap()).to_owned()
}

/// The port of the example unless it is told: the default of `--listen`, which a test of its own compares with `--help`.
fn port_of_the_example() -> String {
    let readme = text("examples/using-cache/README.md");
    let row = readme
        .lines()
        .find(|line| line.starts_with("| `--listen`"))
        .unwrap();
    let default = row.split(" | ").nth(2).unwrap().trim_matches('`');
    port(default).to_owned()
}

#[test]
fn the_example_listens_where_its_image_and_compose_say() {
    let expected = port_of_the_example();
    let dockerfile = text("deploy/Dockerfile");
    let told = |start: &str| {
        let line = dockerfile.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no {start}")).to_owned()
    };
    assert_eq!(port(&told("ENV CACHE_EXAMPLE_LISTEN=")), expected);
    assert_eq!(told("EXPOSE "), expected);
    let compose = yaml("deploy/compose.yaml");
    for app in ["app-memory", "app-redis"] {
        assert_eq!(listens_on(&compose["services"][app]), expected, "{app}");
    }
}

#[test]
fn targets_are_asked_at_the_port_that_they_listen_on() {
    let compose = yaml("deploy/compose.yaml");
    let mut seen = 0;
    for folder in ["targets/app", "targets/host", "alerting/on"] {
        for file in files(&format!("deploy/prometheus/{folder}"), ".json") {
            let groups: Value = serde_json::from_str(&text(&file)).unwrap();
            let groups = groups.as_array().unwrap();
            for target in groups
                .iter()
                .flat_map(|group| group["targets"].as_array().unwrap())
            {
                let (host, asked) = target.as_str().unwrap().split_once(':').unwrap();
                let expected = match host {
                    "host.docker.internal" => port_of_the_example(),
                    service => listens_on(&compose["services"][service]),
                };
                assert_eq!(asked, expected, "{target}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 5);
    let source = &yaml("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"][0];
    let prometheus = listens_on(&compose["services"]["prometheus"]);
    assert_eq!(port(source["url"].as_str().unwrap()), prometheus);
}

/// The alerts are about these jobs.
#[test]
fn the_jobs_are_those_that_the_rules_name() {
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let jobs: Vec<&str> = prometheus["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|config| config["job_name"].as_str().unwrap())
        .collect();
    assert_eq!(jobs, ["gofr-cache", "redis"]);
}
