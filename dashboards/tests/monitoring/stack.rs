//! The services of compose are pinned, closed to the network, and say whether they are well.

use serde_json::Value;

use crate::support::{text, yaml};

fn services() -> Vec<(String, Value)> {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().unwrap();
    services
        .iter()
        .map(|(name, service)| (name.clone(), service.clone()))
        .collect()
}

#[test]
fn images_have_exact_tags() {
    for (name, service) in services() {
        let image = service["image"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} has no image"));
        let tag = image
            .rsplit_once(':')
            .unwrap_or_else(|| panic!("{image} has no tag"))
            .1;
        let is_built = service["build"].is_object() && tag == "local";
        let version = tag
            .trim_start_matches('v')
            .split('-')
            .next()
            .unwrap()
            .split('.')
            .count();
        assert!(is_built || version == 3, "{name}: {image}");
    }
    let images: Vec<String> = text("deploy/Dockerfile")
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|image| image.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(images.len(), 2);
    assert!(
        images
            .iter()
            .all(|image| image.contains(|letter: char| letter.is_ascii_digit())
                && !image.ends_with("latest"))
    );
}

#[test]
fn ports_are_published_on_loopback_only() {
    for (name, service) in services() {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert_ne!(service["network_mode"], "host", "{name}");
    }
}

#[test]
fn every_service_says_whether_it_is_well_and_may_do_little() {
    for (name, service) in services() {
        assert!(service["healthcheck"]["test"].is_array(), "{name}: health check");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}");
        assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
        assert!(service["logging"]["options"]["max-size"].is_string(), "{name}");
        // Grafana writes beside its volume.
        assert!(service["read_only"] == true || name == "grafana", "{name}");
        for mount in service["volumes"].as_array().into_iter().flatten() {
            let mount = mount.as_str().unwrap();
            assert!(
                !mount.starts_with('.') || mount.ends_with(":ro"),
                "{name}: {mount}"
            );
        }
    }
}

#[test]
fn services_wait_until_those_they_need_are_well() {
    let services = services();
    for (name, service) in &services {
        for (needed, condition) in service["depends_on"].as_object().into_iter().flatten() {
            assert_eq!(condition["condition"], "service_healthy", "{name}");
            assert!(
                services.iter().any(|(other, _)| other == needed),
                "{name}: {needed}"
            );
        }
    }
}

#[test]
fn the_password_of_grafana_is_in_no_file_of_the_repository() {
    assert!(
        text("deploy/.env.example")
            .lines()
            .any(|line| line == "GRAFANA_ADMIN_PASSWORD=")
    );
    let grafana = &services()
        .into_iter()
        .find(|(name, _)| name == "grafana")
        .unwrap()
        .1;
    let password = grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
        .as_str()
        .unwrap();
    assert!(password.starts_with("${GRAFANA_ADMIN_PASSWORD:?"), "{password}");
    assert!(text(".gitignore").lines().any(|line| line == ".env"));
}

#[test]
fn the_environment_is_that_of_the_example() {
    for variable in text("deploy/.env.example")
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name))
    {
        let is_used = text("deploy/compose.yaml").contains(&format!("${{{variable}"));
        assert!(
            is_used || variable == "COMPOSE_PROJECT_NAME" || variable.starts_with('#'),
            "{variable} changes nothing"
        );
    }
}

#[test]
fn the_program_does_not_run_as_root() {
    let dockerfile = text("deploy/Dockerfile");
    let last_stage = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(
        last_stage.lines().any(|line| line == "USER 65532:65532"),
        "{last_stage}"
    );
    assert!(last_stage.contains("HEALTHCHECK"));
}
