// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICommittee, SignedReport} from "../../contracts/interfaces/ICommittee.sol";
import {EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, SeatId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Seated} from "../docket/Seated.sol";

contract ProveEquivocationTest is Seated {
    SeatId internal constant SECOND = SeatId.wrap(1);

    Epoch internal epoch;

    function setUp() public {
        found(4, 2, EpochKind.Day);
        epoch = next(today());
        passDay(epoch);
    }

    /// @notice Operator `number` signs this value for the epoch, first attempt, under `version`.
    function said(uint256 number, uint24 version, uint256 given) internal view returns (SignedReport memory) {
        return signedBy(Report(header(WOOD, PILE, epoch, 0, version, 0), 0, value(given)), number);
    }

    function prove(SignedReport memory first, SignedReport memory second) internal {
        committee.proveEquivocation(SECOND, first, second);
    }

    function refused(SignedReport memory first, SignedReport memory second, bytes memory reason) internal {
        vm.expectRevert(reason);
        prove(first, second);
    }

    function digest(SignedReport memory given) internal view returns (bytes32) {
        return docket.digest(given.header, given.parent, given.envelopes, given.payload);
    }

    /* WHAT PROVES NOTHING */

    function test_R22_revertsOnUnknownSeat() public {
        SignedReport memory one = said(1, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.SeatUnknown.selector, 4, 4));
        committee.proveEquivocation(SeatId.wrap(4), one, one);
    }

    function test_R22_differentAttemptsProveNothing() public {
        SignedReport memory one = said(1, 1, 1);
        Report memory other = Report(header(WOOD, PILE, epoch, 1, 1, 0), 0, value(2));
        SignedReport memory two = signedBy(other, 1);
        refused(one, two, abi.encodeWithSelector(ICommittee.NotSameTurn.selector, one.header, two.header));

        other.header = header(WOOD, PILE, next(epoch), 0, 1, 0);
        two = signedBy(other, 1);
        refused(one, two, abi.encodeWithSelector(ICommittee.NotSameTurn.selector, one.header, two.header));
        other.header = header(WOOD, StreamId.wrap(2), epoch, 0, 1, 0);
        two = signedBy(other, 1);
        refused(one, two, abi.encodeWithSelector(ICommittee.NotSameTurn.selector, one.header, two.header));
        other.header = header(SubcontractId.wrap(2), PILE, epoch, 0, 1, 0);
        two = signedBy(other, 1);
        refused(one, two, abi.encodeWithSelector(ICommittee.NotSameTurn.selector, one.header, two.header));
    }

    function test_R22_sameDigestTwiceProvesNothing() public {
        SignedReport memory one = said(1, 1, 1);
        SignedReport memory two = said(1, 1, 1);
        refused(one, two, abi.encodeWithSelector(ICommittee.SameDigest.selector, digest(one)));

        // Who signed beside is no part of what was signed.
        two.header = withSigners(two.header, 0xf);
        refused(one, two, abi.encodeWithSelector(ICommittee.SameDigest.selector, digest(one)));
    }

    function test_R22_revertsUnlessTheSeatSignedBoth() public {
        SignedReport memory own = said(1, 1, 1);
        SignedReport memory other = said(2, 1, 2);
        address first = vm.addr(reportKeyOf(1));
        address second = vm.addr(reportKeyOf(2));

        refused(
            own, other, abi.encodeWithSelector(ICommittee.NotSignedBySeat.selector, SECOND, 1, second, first)
        );
        refused(
            other, own, abi.encodeWithSelector(ICommittee.NotSignedBySeat.selector, SECOND, 1, second, first)
        );
        other.r = 0;
        refused(
            own,
            other,
            abi.encodeWithSelector(ICommittee.NotSignedBySeat.selector, SECOND, 1, address(0), first)
        );
    }

    function test_R22_vacantSeatOrUnwrittenVersionSignsNothing() public {
        vm.prank(identityOf(1));
        committee.resign(SECOND);
        SignedReport memory one = said(1, 2, 1);
        SignedReport memory two = said(1, 2, 2);
        one.r = 0;
        two.r = 0;

        refused(
            one,
            two,
            abi.encodeWithSelector(ICommittee.NotSignedBySeat.selector, SECOND, 2, address(0), address(0))
        );
        one = said(1, 9, 1);
        refused(
            one,
            two,
            abi.encodeWithSelector(
                ICommittee.NotSignedBySeat.selector, SECOND, 9, vm.addr(reportKeyOf(1)), address(0)
            )
        );
    }

    /* WHAT DOES */

    function test_R22_bondIsForfeitAndTheSeatLost() public {
        SignedReport memory one = said(1, 1, 1);
        SignedReport memory two = said(1, 1, 2);

        vm.expectEmit(address(committee));
        emit ICommittee.Equivocated(SECOND, SECOND, digest(one), digest(two));
        vm.prank(personOf("anyone"));
        committee.proveEquivocation(SECOND, one, two);

        vm.assertEq(ledger.care(), BOND, "R22: the bond is forfeit to the care pot");
        vm.assertEq(ledger.held(SECOND), 0, "R22: whole");
        vm.assertEq(uint256(committee.version()), 2, "R7.4: a new version");
        vm.assertEq(committee.keysOf(2)[1], address(0), "R22: the seat is lost");
        refused(one, two, abi.encodeWithSelector(ICommittee.NoBond.selector, SECOND));
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotNamed.selector, SECOND, identityOf(1)));
        vm.prank(identityOf(1));
        committee.register(SECOND, vm.addr(reportKeyOf(1)), transportKeyOf(1), "http://seat");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NoBond.selector, SECOND));
        committee.release(SECOND);
    }

    function test_R22_anAlternateTakesTheLostSeat() public {
        prove(said(1, 1, 1), said(1, 1, 2));

        registerSeat(1, 4);

        vm.assertEq(committee.keysOf(3)[1], vm.addr(reportKeyOf(4)), "R22: an alternate takes it");
    }

    function test_R22_rotatingBetweenTheTwoDoesNotHelp() public {
        SignedReport memory one = said(1, 1, 1);
        passTime(1 days);
        vm.prank(identityOf(1));
        committee.rotate(SECOND, vm.addr(reportKeyOf(100)), transportKeyOf(1), "http://seat");

        prove(one, said(100, 2, 1));

        vm.assertEq(ledger.care(), BOND, "R22: one operator, one turn, two digests");
    }

    function test_R22_resigningDoesNotHelpWhileTheBondIsHeld() public {
        vm.prank(identityOf(1));
        committee.resign(SECOND);
        registerSeat(1, 4);
        uint24 version = committee.version();
        passTime(20 days);

        prove(said(1, 1, 1), said(1, 1, 2));

        vm.assertEq(ledger.care(), BOND, "R22: who resigned still answers");
        vm.assertEq(ledger.held(SeatId.wrap(4)), BOND, "R22: the successor does not");
        vm.assertEq(uint256(committee.version()), version, "R22: nor loses the seat");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NoBond.selector, SECOND));
        committee.release(SECOND);
    }

    function test_R22_revertsWhenTheBondIsGone() public {
        vm.prank(identityOf(1));
        committee.resign(SECOND);
        passTime(21 days);
        committee.release(SECOND);

        refused(said(1, 1, 1), said(1, 1, 2), abi.encodeWithSelector(ICommittee.NoBond.selector, SECOND));
    }

    function test_R22_successorAnswersForTheirOwn() public {
        vm.prank(identityOf(1));
        committee.resign(SECOND);
        registerSeat(1, 4);

        prove(said(4, 3, 1), said(4, 3, 2));

        vm.assertEq(ledger.held(SeatId.wrap(4)), 0, "R22: the successor's bond");
        vm.assertEq(ledger.held(SECOND), BOND, "R22: not the predecessor's");
    }

    function test_R22_twoOperatorsSigningOneEachProveNothing() public {
        SignedReport memory one = said(1, 1, 1);
        vm.prank(identityOf(1));
        committee.resign(SECOND);
        registerSeat(1, 4);

        refused(one, said(4, 3, 2), abi.encodeWithSelector(ICommittee.NotOneOperator.selector, 1, 4));
    }

    function testFuzz_R22_anyConflictingFieldProves(uint256 bit) public {
        Report memory report = Report(header(WOOD, PILE, epoch, 0, 1, 0), 0, value(1));
        SignedReport memory one = signedBy(report, 1);
        bit = bound(bit, 0, 3 * 256 + 119);
        SignedReport memory two = one;
        two = SignedReport(one.header, one.parent, one.envelopes, one.payload, 0, 0);
        // The low 40 bits are the signers and zeros, the top 96 the turn and the version.
        if (bit < 256) two.parent ^= bytes32(1 << bit);
        else if (bit < 512) two.envelopes ^= bytes32(1 << (bit - 256));
        else if (bit < 768) two.payload ^= bytes32(1 << (bit - 512));
        else two.header = Header.wrap(Header.unwrap(two.header) ^ 1 << (bit - 768 + 40));
        (two.r, two.vs) = vm.signCompact(reportKeyOf(1), digest(two));

        prove(one, two);

        vm.assertEq(ledger.care(), BOND, "R22: whatever differs");
    }
}
