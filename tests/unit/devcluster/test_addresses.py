"""The address plan: no two clusters may meet."""

import itertools
from ipaddress import ip_address, ip_network

from devcluster.addresses import SLOTS, Addresses


def test_the_ranges_of_all_slots_are_apart() -> None:
    networks = [
        ip_network(network) for plan in map(Addresses, SLOTS) for network in (plan.link, plan.pods, plan.services)
    ]

    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))


def test_every_address_lies_in_its_range() -> None:
    plan = Addresses(7)

    assert ip_address(plan.host) in ip_network(plan.link)
    assert ip_address(plan.node) in ip_network(plan.link)
    assert ip_address(plan.kubernetes_service) in ip_network(plan.services)
    assert ip_address(plan.dns_service) in ip_network(plan.services)


def test_the_api_server_gets_the_first_address_of_the_services_as_kubernetes_gives_it() -> None:
    plan = Addresses(0)

    assert ip_address(plan.kubernetes_service) == next(ip_network(plan.services).hosts())


def test_interface_names_fit_the_kernels_limit_of_15_characters() -> None:
    assert all(len(Addresses(slot).interface) <= 15 for slot in SLOTS)
