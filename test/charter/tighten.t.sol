// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Signed} from "../../contracts/Signed.sol";
import {ICharter, Limit} from "../../contracts/interfaces/ICharter.sol";
import {Limits} from "../../contracts/libraries/Limits.sol";
import {CharterTest} from "./CharterTest.sol";

contract TightenTest is CharterTest {
    uint64 private constant LOWER = 100_000;

    function support(uint256 member, Limit item, uint64 value) private {
        vm.prank(memberAddress(member));
        charter.tighten(item, value);
    }

    function test_R3_PassesWithTwoThirdsAndHoldsLater() external {
        for (uint256 member = 1; member <= 4; ++member) {
            support(member, Limit.HighestMultipleBps, LOWER);
        }
        (uint64 pending,) = charter.pendingLimit(Limit.HighestMultipleBps);
        vm.assertEq(pending, 0, "R3: four of seven are not two thirds");

        support(5, Limit.HighestMultipleBps, LOWER);

        uint40 effect = uint40(vm.getBlockTimestamp() + 30 days);
        vm.warp(effect - 1);
        vm.assertEq(charter.limit(Limit.HighestMultipleBps), 200_000, "R3: 30 days' notice");
        vm.warp(effect);
        vm.assertEq(charter.limit(Limit.HighestMultipleBps), LOWER, "R3: in force");
    }

    function testFuzz_I14_NeverLoosens(uint8 which, uint64 value) external {
        Limit item = Limit(bound(which, 0, Limits.COUNT - 1));
        uint64 before = charter.limit(item);
        (uint64 least, uint64 most) = Limits.range(item);
        value = uint64(bound(value, least == 0 ? 0 : least - 1, uint256(most) + 1));
        bool tighter = Limits.rises(item) ? value > before : value < before;
        bool fits = value >= least && value <= most;

        for (uint256 member = 1; member <= 5; ++member) {
            vm.prank(memberAddress(member));
            if (!fits) {
                vm.expectRevert(
                    abi.encodeWithSelector(ICharter.LimitOutOfRange.selector, item, value, least, most)
                );
            } else if (!tighter) {
                vm.expectRevert(abi.encodeWithSelector(ICharter.NotTighter.selector, item, value, before));
            }
            charter.tighten(item, value);
        }
        passTime(30 days);

        vm.assertEq(charter.limit(item), fits && tighter ? value : before, "I14: one way");
    }

    function test_R3_RefusesASecondSupport() external {
        support(1, Limit.FeeBps, 100);

        vm.prank(memberAddress(1));
        vm.expectRevert(abi.encodeWithSelector(ICharter.CountedAlready.selector, memberId(1)));
        charter.tighten(Limit.FeeBps, 100);
    }

    function test_R3_RefusesWhoIsNoMember() external {
        address stranger = personOf("stranger");

        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, stranger));
        charter.tighten(Limit.FeeBps, 100);
    }

    function test_R3_RefusesAnotherWhileOneIsPending() external {
        for (uint256 member = 1; member <= 5; ++member) {
            support(member, Limit.FeeBps, 100);
        }
        uint40 effect = uint40(vm.getBlockTimestamp() + 30 days);

        vm.prank(memberAddress(6));
        vm.expectRevert(
            abi.encodeWithSelector(ICharter.TighteningPending.selector, Limit.FeeBps, 100, effect)
        );
        charter.tighten(Limit.FeeBps, 50);
    }

    function test_R3_StartsAnewAfter30Days() external {
        for (uint256 member = 1; member <= 4; ++member) {
            support(member, Limit.FeeBps, 100);
        }
        passTime(30 days + 1);

        support(5, Limit.FeeBps, 100);

        (, uint40 effect) = charter.pendingLimit(Limit.FeeBps);
        vm.assertEq(effect, 0, "R3: the old support counts no more");
    }

    function test_R1_8_SupportedBySignatureInWords() external {
        uint64 deadline = uint64(vm.getBlockTimestamp() + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "TightenLimit(string deed,string limit,uint64 value,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I support tightening this limit, which can never be loosened again."),
                keccak256("bread floor, bps"),
                6000,
                3,
                deadline
            )
        );
        bytes memory signature = signed(memberKey(2), typedDigest(address(charter), structHash));

        vm.expectEmit(address(charter));
        emit ICharter.TighteningSupported(Limit.BreadFloorBps, 6000, memberId(2));
        charter.tightenBySig(memberId(2), Limit.BreadFloorBps, 6000, 3, deadline, signature);
    }
}
