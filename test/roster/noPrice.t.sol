// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Limit} from "../../contracts/interfaces/ICharter.sol";
import {Nomination} from "../../contracts/interfaces/IRoster.sol";
import {Village} from "../Village.sol";

contract NoPriceTest is Village {
    uint256 private constant RICH = 1;
    uint256 private constant NEWCOMER = 8;
    uint64 private constant TIGHTER = 100;

    function setUp() external {
        found(7, 4);
    }

    /// @dev Three vouch, the candidate agrees, nobody objects: that is all there is to it.
    function admitted() private {
        vm.prank(memberAddress(1));
        uint256 nomination = roster.nominate(memberAddress(NEWCOMER), 9);
        vm.prank(memberAddress(2));
        roster.vouch(nomination);
        vm.prank(memberAddress(3));
        roster.vouch(nomination);
        vm.prank(memberAddress(NEWCOMER));
        roster.join(nomination);
        passTime(7 days + 1);
        roster.admit(nomination);
    }

    function support(uint256 member) private {
        vm.prank(memberAddress(member));
        charter.tighten(Limit.FeeBps, TIGHTER);
    }

    function pending() private view returns (uint64 value) {
        (value,) = charter.pendingLimit(Limit.FeeBps);
    }

    function test_R4_5_JoinsWithNothingAndSponsorsTheNext() external {
        admitted();

        vm.assertTrue(roster.isMember(memberId(NEWCOMER)), "R4.5: a member");
        vm.assertEq(freeOf(NEWCOMER), 0, "with an empty purse");
        (uint64 most,) = ledger.maxExposure(memberId(NEWCOMER));
        vm.assertEq(most, 0, "bound to nothing");
        vm.assertEq(docket.badgeAt(memberId(NEWCOMER), uint40(vm.getBlockTimestamp())), 0, "without a badge");

        vm.prank(memberAddress(NEWCOMER));
        uint256 next = roster.nominate(personOf("gus"), 9);
        Nomination memory given = roster.nominationOf(next);
        vm.assertTrue(given.vouchers[0] == memberId(NEWCOMER), "R4.5: every right of a member");
    }

    function test_R4_5_OneVoteEachWhateverTheyOwn() external {
        deposit(RICH, 900e6);
        admitted();
        passTime(30 days);

        for (uint256 member = RICH; member <= 5; ++member) {
            support(member);
        }
        vm.assertEq(pending(), 0, "R4.5: five of eight, the richest among them, are not two thirds");

        support(NEWCOMER);
        vm.assertEq(pending(), TIGHTER, "R4.5: the vote of who owns nothing is the sixth");
    }
}
