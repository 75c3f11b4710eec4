// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SubcontractState} from "../../../contracts/interfaces/ICharter.sol";
import {IFirewood, WoodEnd, WoodLine, WoodPeriod} from "../../../contracts/subcontracts/IFirewood.sol";
import {Accounts} from "../../../contracts/types/Ids.sol";
import {Verdict} from "../../../contracts/types/Report.sol";
import {Village} from "../../Village.sol";

/// @notice What is left when the wood is over (R8): nothing stays in a pot that nothing pays from.
contract FirewoodCloseTest is Village {
    uint256 private constant MEMBERS = 7;
    uint256 private constant PROVIDER = MEMBERS;

    function setUp() external {
        found(MEMBERS, 4);
    }

    function give(uint8 slot, uint64 amount) private {
        if (amount != 0) depositFrom(personOf("donor"), Accounts.ofPot(WOOD, slot), amount);
    }

    function weekOf(uint256 member, uint16 pieces) private {
        WoodLine[] memory lines = new WoodLine[](1);
        lines[0] = WoodLine(memberId(member), pieces, uint32(pieces) * 1000);
        settleWeek(payloadOf(lines, 0, 0));
    }

    function idleUntil(uint256 time) private {
        while (weekBegin(nextWeek(week)) <= time) report(Verdict.Stale, "");
        _warpForward(time);
    }

    /// @dev All who signed agree to end it, and the week that runs is reported.
    function repeal() private {
        for (uint256 member = 1; member <= MEMBERS; ++member) {
            vm.prank(memberAddress(member));
            charter.repeal(WOOD);
        }
        report(Verdict.Stale, "");
    }

    function refused(SubcontractState state, uint40 oldestOpen) private {
        vm.expectRevert(abi.encodeWithSelector(IFirewood.NotOver.selector, state, oldestOpen));
        wood.close();
    }

    function sum() private view returns (uint256 all) {
        all = uint256(potOf(0)) + potOf(1) + ledger.potBalance(Accounts.CARE);
        for (uint256 member = 1; member <= MEMBERS; ++member) {
            all += freeOf(member);
        }
    }

    function test_R8_RefusesToCloseWhileItLives() external {
        give(0, 1e6);
        refused(SubcontractState.Enacted, 0);

        _warpForward(weekBegin(week) + 1 days);
        refused(SubcontractState.Active, uint40(weekBegin(week)));
    }

    function test_R8_RefusesToCloseWhileAnEpochIsOpen() external {
        weekOf(1, 1);
        uint40 running = uint40(weekBegin(week));
        for (uint256 member = 1; member <= MEMBERS; ++member) {
            vm.prank(memberAddress(member));
            charter.repeal(WOOD);
        }
        refused(SubcontractState.Sunset, running);

        report(Verdict.Stale, "");
        wood.close();
        vm.assertEq(potOf(0) + potOf(1), 0, "closed as soon as the last week is spent");
    }

    function test_R8_AtSunsetTheProviderIsTruedUpAndTheSignersShareTheRest() external {
        idleUntil(startOf() + 320 days);
        vm.prank(memberAddress(1));
        wood.declareBand(0);
        weekOf(2, 2);
        idleUntil(startOf() + 361 days);
        give(1, 20e6);
        weekOf(1, 4);
        WoodPeriod memory last = wood.period();
        uint64 discount = uint64(last.worth - last.charges);
        vm.assertGt(discount, 0, "a discount of the last period to make good");
        idleUntil(startOf() + 372 days);
        uint64 before = freeOf(PROVIDER);
        uint256 rest = uint256(potOf(0)) + potOf(1) - discount;
        uint256 all = sum();

        // A stranger, when everybody's mandate is long forgotten.
        _warpForward(startOf() + 470 days);
        for (uint256 member = 1; member <= MEMBERS; ++member) {
            mandates.forgetMandate(memberId(member), WOOD);
        }
        uint64[7] memory had;
        for (uint256 member = 1; member < PROVIDER; ++member) {
            had[member] = freeOf(member);
        }
        vm.expectEmit(address(wood));
        emit IFirewood.WoodClosed(WoodEnd(discount, uint64(rest), 0, 0));
        vm.prank(personOf("stranger"));
        wood.close();

        vm.assertEq(freeOf(PROVIDER) - before, discount, "R8: the last true-up");
        for (uint256 member = 1; member < PROVIDER; ++member) {
            uint256 part = rest / 6 + (member <= rest % 6 ? 1 : 0);
            vm.assertEq(freeOf(member) - had[member], part, "R8: equal parts, dust to the lowest ids (R0)");
        }
        vm.assertEq(potOf(0), 0, "nothing stays in the shrinkage pot");
        vm.assertEq(potOf(1), 0, "nor in the warmth pot");
        vm.assertEq(sum(), all, "I2: every unit");
    }

    function test_R8_ClosesOnceAndAgainForWhatComesLater() external {
        weekOf(1, 1);
        repeal();
        wood.close();

        vm.expectRevert(IFirewood.NothingLeft.selector);
        wood.close();

        give(1, 3e6);
        wood.close();
        vm.assertEq(ledger.potBalance(Accounts.CARE), 3e6, "nobody is left to share in a later gift");
    }

    function test_R8_WhoSignedTheLastSettledWeekShares() external {
        weekOf(1, 1);
        vm.prank(memberAddress(6));
        mandates.revokeMandate(WOOD);
        weekOf(1, 1); // begun before
        weekOf(1, 1);
        for (uint256 member = 1; member <= MEMBERS; ++member) {
            if (member == 6) continue;
            vm.prank(memberAddress(member));
            charter.repeal(WOOD);
        }
        report(Verdict.Stale, "");
        give(0, 50e6);
        uint64 before = freeOf(5);
        uint256 rest = uint256(potOf(0)) + potOf(1);

        wood.close();

        vm.assertEq(freeOf(6), 100e6, "R8: who signed earlier weeks only has no part");
        vm.assertEq(freeOf(5) - before, rest / 5, "R8: who signed the last one has");
    }

    function test_R8_WithoutASettledWeekTheRestIsForTheCarePot() external {
        give(0, 2e6);
        give(1, 3e6);
        _warpForward(weekBegin(week) + 1 hours);
        repeal();
        wood.close();

        vm.assertEq(ledger.potBalance(Accounts.CARE), 5e6, "R8: the care pot");
        vm.assertEq(potOf(0) + potOf(1), 0, "both are empty");
    }

    function testFuzz_I2_ClosingGivesEveryUnitOut(uint64 shrinkage, uint64 warmth, uint8 pieces) external {
        weekOf(1, pieces % 30);
        repeal();
        give(0, uint64(bound(shrinkage, 0, 1000e6)));
        give(1, uint64(bound(warmth, 0, 1000e6)));
        uint256 all = sum();
        vm.assume(uint256(potOf(0)) + potOf(1) != 0);

        wood.close();

        vm.assertEq(sum(), all, "I2: nothing made or lost");
        vm.assertEq(uint256(potOf(0)) + potOf(1), 0, "R8: nothing stays");
        vm.assertLe(freeOf(2) - freeOf(6), 1, "R0: parts differ by dust");
        vm.assertGe(freeOf(2), freeOf(6), "R0: which the lower id has");
    }
}
