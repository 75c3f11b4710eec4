// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICharter, Need, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Epoch, SubcontractId} from "../../contracts/types/Ids.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {SealedReport} from "../Village.sol";
import {CharterTest} from "./CharterTest.sol";

contract EnactTest is CharterTest {
    function revoke(uint256 member, SubcontractId id) private {
        vm.prank(memberAddress(member));
        mandates.revokeMandate(id);
    }

    function repeal(uint256 member, SubcontractId id) private {
        vm.prank(memberAddress(member));
        charter.repeal(id);
    }

    /* ENACT */

    function test_R5_EnactsWithEnoughSigners() external {
        SubcontractId id = enacted();

        assertState(id, SubcontractState.Enacted, "R5: law from the next epoch");
        passTime(1 days);
        assertState(id, SubcontractState.Active, "R5.6: active");
    }

    function test_R5_RefusesBefore72Hours() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(2, id);
        uint256 earliest = vm.getBlockTimestamp() + 72 hours;
        passTime(72 hours - 1);

        refused(abi.encodeWithSelector(ICharter.OpenTooShort.selector, id, earliest - 1, earliest));
        charter.enact(id);
    }

    function test_R5_RefusesWithTooFewSigners() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        passTime(72 hours);

        refused(missing(uint8(Need.Signers), 1, 2));
        charter.enact(id);
    }

    function test_R5_RefusesTheSameTermsTwice() external {
        SubcontractId id = enacted();
        bytes memory code = woodCode();
        bytes memory terms = termsOf(1);
        vm.prank(memberAddress(1));
        SubcontractId again = charter.open(code, terms, 2);
        sign(1, again);
        sign(2, again);
        passTime(72 hours);

        refused(abi.encodeWithSelector(ICharter.TermsLiveAlready.selector, again, id));
        charter.enact(again);
    }

    /// @dev An attack once: a copy, enacted first, and the honest one lapsed.
    function test_R5_ACopyOfItsTermsKeepsNobodyOut() external {
        SubcontractId copy = open(6, 1);
        sign(6, copy);
        sign(7, copy);
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(2, id);
        passTime(72 hours);
        charter.enact(copy);

        charter.enact(id);

        assertState(id, SubcontractState.Enacted, "R5: another's copy is another's");
    }

    function test_R5_RefusesFromAFifthOfObjections() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(2, id);
        object(3, id);
        passTime(72 hours);
        object(4, id); // ceil(7/5) = 2

        refused(abi.encodeWithSelector(ICharter.ObjectionsStand.selector, id, 2, 2));
        charter.enact(id);
    }

    function test_R5_OneOfSevenDoesNotStopIt() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(2, id);
        object(3, id);
        passTime(72 hours);

        charter.enact(id);

        assertState(id, SubcontractState.Enacted, "R5: fewer than a fifth");
    }

    /* OBJECT */

    function test_R5_3_ObjectionNeedsAReason() external {
        SubcontractId id = open(1, 1);

        vm.prank(memberAddress(3));
        refused(abi.encodeWithSelector(ICharter.ReasonMissing.selector));
        charter.object(id, 0);
    }

    function test_R5_ObjectionOnceEach() external {
        SubcontractId id = open(1, 1);
        object(3, id);

        vm.prank(memberAddress(3));
        refused(abi.encodeWithSelector(ICharter.CountedAlready.selector, memberId(3)));
        charter.object(id, REASON);
    }

    function test_R5_ObjectionOfWhoHasNotSigned() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(3, id);

        vm.prank(memberAddress(3));
        refused(abi.encodeWithSelector(ICharter.SignedItself.selector, id, memberId(3)));
        charter.object(id, REASON);
    }

    function test_R5_ObjectionOfWhoSignsAfterwardsCountsNoMore() external {
        SubcontractId id = open(1, 1);
        object(2, id);
        object(3, id);
        sign(1, id);
        sign(2, id);
        passTime(72 hours);

        charter.enact(id);

        assertState(id, SubcontractState.Enacted, "R5: one objection is left");
    }

    function test_R5_2_ObjectionOfWhoLeavesCountsNoMore() external {
        SubcontractId id = open(1, 1);
        sign(1, id);
        sign(2, id);
        object(3, id);
        object(4, id);
        vm.prank(memberAddress(3));
        roster.leave();
        passTime(72 hours);

        charter.enact(id);

        assertState(id, SubcontractState.Enacted, "R5.2: out of both counts");
    }

    function test_R5_3_ThreeLoneObjectionsIn30Days() external {
        SubcontractId first = open(1, 1);
        object(5, first);
        object(5, open(1, 2));
        object(5, open(2, 3));
        SubcontractId fourth = open(2, 4);

        vm.prank(memberAddress(5));
        refused(abi.encodeWithSelector(ICharter.ObjectionsSpent.selector, memberId(5), 3));
        charter.object(fourth, REASON);

        object(6, first);
        object(5, fourth); // The first is no lone one any more.
    }

    function test_R5_3_LoneObjectionsComeBackAfter30Days() external {
        object(5, open(1, 1));
        object(5, open(1, 2));
        passTime(1);
        object(5, open(2, 3));
        passTime(30 days - 1);
        SubcontractId fourth = open(3, 4);
        SubcontractId fifth = open(3, 5);
        SubcontractId sixth = open(4, 6);

        object(5, fourth);
        object(5, fifth);
        vm.prank(memberAddress(5));
        refused(abi.encodeWithSelector(ICharter.ObjectionsSpent.selector, memberId(5), 3));
        charter.object(sixth, REASON);

        passTime(1);
        object(5, sixth);
    }

    function test_R1_8_ObjectedBySignature() external {
        SubcontractId id = open(1, 1);
        uint64 deadline = uint64(vm.getBlockTimestamp() + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "ObjectToSubcontract(string deed,uint16 subcontract,bytes32 termsHash,bytes32 reasonHash,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("This subcontract harms me though I did not sign it."),
                id,
                charter.termsHashOf(id),
                REASON,
                4,
                deadline
            )
        );
        bytes memory signature = signed(memberKey(3), typedDigest(address(charter), structHash));

        vm.expectEmit(address(charter));
        emit ICharter.Objected(id, memberId(3), REASON);
        charter.objectBySig(memberId(3), id, REASON, 4, deadline, signature);
    }

    /* REPEAL */

    function test_R5_7_EndsAtOnceWhenAllAgree() external {
        SubcontractId id = enacted();
        repeal(1, id);
        assertState(id, SubcontractState.Enacted, "R5.7: one of two is not all");

        repeal(2, id);

        assertState(id, SubcontractState.Sunset, "R5.7: all signers");
    }

    function test_R5_7_AgreementStandsFor30Days() external {
        SubcontractId id = enacted();
        repeal(1, id);
        passTime(30 days + 1);
        repeal(2, id);

        assertState(id, SubcontractState.Active, "R5.7: the first agreement is too old");
    }

    /// @dev An attack once: on the last day of everybody's mandates, who had signed anew ended it alone.
    function test_R5_7_WhoIsBoundTodayAgreesToo() external {
        SubcontractId id = enacted();
        passTime(1 days);
        revoke(2, id);
        vm.assertEq(mandates.signersAt(id, uint40(vm.getBlockTimestamp())).length, 2, "two are bound today");

        repeal(1, id);
        assertState(id, SubcontractState.Active, "R5.7: one of two is not all");
        repeal(2, id);
        assertState(id, SubcontractState.Sunset, "R5.7: who is bound to the day's end agreed too");
    }

    function test_R5_7_RefusesWhoHasNotSigned() external {
        SubcontractId id = enacted();

        vm.prank(memberAddress(3));
        refused(abi.encodeWithSelector(ICharter.NotASigner.selector, id, memberId(3)));
        charter.repeal(id);
    }

    function test_R5_7_ASignerEndsItForThemselvesFromTheNextDay() external {
        _warpForward(weekBegin(week) + 2 days);
        vm.prank(memberAddress(2));
        mandates.revokeMandate(WOOD);

        uint64 before = freeOf(2);
        settleWeek(weekOfTwo());
        uint64 left = freeOf(2);
        vm.assertLt(left, before, "R5.7: the week begun before is settled once");

        uint64 other = freeOf(1);
        settleWeek(weekOfTwo());
        vm.assertEq(freeOf(2), left, "R5.7: nothing after, without any notice");
        vm.assertEq(ledger.purse(purseOf(2)).arrears, 0, "R5.7: nor a debt");
        vm.assertLt(freeOf(1), other, "R5.7: it goes on for the others");
        assertState(WOOD, SubcontractState.Active, "R5.7: it ended for one alone");
    }

    /// @dev Members 1 and 2 took three pieces each.
    function weekOfTwo() private pure returns (bytes memory) {
        WoodLine[] memory lines = new WoodLine[](2);
        lines[0] = WoodLine(memberId(1), 3, 3000);
        lines[1] = WoodLine(memberId(2), 3, 3000);
        return payloadOf(lines, 0, 0);
    }

    function test_R1_8_RepealedBySignature() external {
        SubcontractId id = enacted();
        repeal(1, id);
        uint64 deadline = uint64(vm.getBlockTimestamp() + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "RepealSubcontract(string deed,uint16 subcontract,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I agree to end this subcontract for everybody who signed it."),
                id,
                charter.termsHashOf(id),
                4,
                deadline
            )
        );

        charter.repealBySig(
            memberId(2), id, 4, deadline, signed(memberKey(2), typedDigest(address(charter), structHash))
        );

        assertState(id, SubcontractState.Sunset, "R1.8: by signature as by act");
    }

    /* POKE */

    function test_R5_6_SuspendsResumesAndEnds() external {
        SubcontractId id = enacted();
        passTime(1 days);
        revoke(2, id);
        charter.poke(id);
        assertState(id, SubcontractState.Suspended, "R5.6: one signer of two");
        uint40 suspended = uint40(vm.getBlockTimestamp());

        passTime(1 days);
        sign(2, id);
        charter.poke(id);
        uint40 resumed = uint40(vm.getBlockTimestamp());
        assertState(id, SubcontractState.Active, "R5.6: enough again");
        vm.assertTrue(charter.accruesAt(id, suspended - 1), "R1: begun before, still accrues");
        vm.assertFalse(charter.accruesAt(id, suspended + 1), "R5.6: nothing while suspended");
        vm.assertTrue(charter.accruesAt(id, resumed + 1), "R5.6: accrues again");

        passTime(1 days);
        revoke(2, id);
        charter.poke(id);
        passTime(30 days);
        assertState(id, SubcontractState.Sunset, "R5.6: 30 days later, whether poked or not");
        charter.poke(id);
        assertState(id, SubcontractState.Sunset, "R5.6: ended");
    }

    function test_R5_6_EndsAtSunset() external {
        SubcontractId id = enacted();
        uint256 sunset = vm.getBlockTimestamp() + 365 days;

        vm.warp(sunset - 1);
        assertState(id, SubcontractState.Active, "R5.6: to the last second");
        vm.warp(sunset);

        assertState(id, SubcontractState.Sunset, "R5.6: 365 days");
        vm.assertTrue(charter.accruesAt(id, uint40(sunset - 1)), "R1: accrued events still settle");
        vm.assertFalse(charter.accruesAt(id, uint40(sunset)), "R5.6: nothing new");
        vm.expectEmit(address(charter));
        emit ICharter.Ended(id, uint40(sunset));
        charter.poke(id);
    }

    /// @dev Suspends and resumes by the marginal signer's own hand.
    function flicker(uint256 member, SubcontractId id, uint256 times) private {
        for (uint256 i; i < times; ++i) {
            revoke(member, id);
            charter.poke(id);
            sign(member, id);
            charter.poke(id);
        }
    }

    /// @dev An attack once: 65 suspensions in one transaction, and the weeks begun before were never settled.
    function test_R1_SuspensionsNeverEraseAnEpochThatBegan() external {
        for (uint256 member = 3; member <= FOUNDERS; ++member) {
            revoke(member, WOOD);
        }
        SealedReport memory sealed_ = report(Verdict.Ok, weekOfTwo());
        passTime(WINDOW + 1);
        Epoch begun = Epoch.wrap(FIRST_WEEK);

        flicker(2, WOOD, 65);

        vm.assertTrue(charter.accruesAt(WOOD, uint40(weekBegin(begun))), "R1: it began, so it accrues");
        settle(sealed_);
        vm.assertLt(freeOf(1), 100e6, "R1: and settles");
    }

    /// @dev Against a plain record of when it was in force.
    function testFuzz_R5_6_AccruesJustWhereItWasInForce(uint32[40] calldata pauses, uint256 asked) external {
        SubcontractId id = enacted();
        uint40[41] memory turned;
        turned[0] = uint40(vm.getBlockTimestamp());
        for (uint256 i; i < pauses.length; ++i) {
            passTime(pauses[i] % 7 days);
            if (i % 2 == 0) revoke(2, id);
            else sign(2, id);
            charter.poke(id);
            turned[i + 1] = uint40(vm.getBlockTimestamp());
        }

        uint40 begin = uint40(bound(asked, turned[0], turned[40] + 1));
        bool wanted;
        for (uint256 i; i < turned.length; i += 2) {
            bool on = begin > turned[i] && (i == 40 || begin < turned[i + 1]);
            wanted = wanted || on;
        }
        vm.assertEq(
            charter.accruesAt(id, begin), wanted, "R5.6: after it came in force, before it was suspended"
        );
        for (uint256 i = 1; i < turned.length; ++i) {
            vm.assertFalse(charter.accruesAt(id, turned[i]), "R5.6: not at the second of a change");
        }
    }
}
