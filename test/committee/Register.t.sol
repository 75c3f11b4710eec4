// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICommittee, Seat} from "../../contracts/interfaces/ICommittee.sol";
import {IDocket} from "../../contracts/interfaces/IDocket.sol";
import {SeatId} from "../../contracts/types/Ids.sol";
import {CharterStandIn, LedgerStandIn, RosterStandIn, Seated} from "../docket/Seated.sol";

contract RegisterTest is Seated {
    string internal constant PLACE = "http://127.0.0.1:7700";

    function setUp() public {
        foundSeats(5, 3);
        for (uint256 i = 0; i < 8; ++i) {
            ledger.deposit(id(i), BOND);
        }
    }

    function id(uint256 seat) internal pure returns (SeatId) {
        return SeatId.wrap(uint8(seat));
    }

    function key(uint256 number) internal pure returns (address) {
        return vm.addr(reportKeyOf(number));
    }

    function take(uint256 seat, uint256 number) internal {
        vm.prank(identityOf(number));
        committee.register(id(seat), key(number), transportKeyOf(number), PLACE);
    }

    function refused(uint256 seat, uint256 number, bytes memory reason) internal {
        address caller = identityOf(number);
        vm.expectRevert(reason);
        vm.prank(caller);
        committee.register(id(seat), key(number), transportKeyOf(number), PLACE);
    }

    /// @notice Seats 0 to 3 registered, seat 4 never.
    function ignite() internal {
        for (uint256 i = 0; i < 4; ++i) {
            take(i, i);
        }
        charter.ignite();
    }

    function resign(uint256 seat, uint256 number) internal {
        vm.prank(identityOf(number));
        committee.resign(id(seat));
    }

    /* WHAT IS REFUSED ALWAYS */

    function test_R22_revertsOnUnknownSeat() public {
        refused(5, 5, abi.encodeWithSelector(ICommittee.SeatUnknown.selector, 5, 5));
        refused(255, 0, abi.encodeWithSelector(ICommittee.SeatUnknown.selector, 255, 5));
    }

    function test_R22_revertsOnTakenSeat() public {
        take(0, 0);
        refused(0, 0, abi.encodeWithSelector(ICommittee.SeatTaken.selector, 0, identityOf(0)));
    }

    function test_R7_4_revertsOnBadKeys() public {
        take(0, 0);
        vm.startPrank(identityOf(1));

        vm.expectRevert(abi.encodeWithSelector(ICommittee.ReportKeyZero.selector));
        committee.register(id(1), address(0), transportKeyOf(1), PLACE);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.ReportKeyTaken.selector, key(0), 0));
        committee.register(id(1), key(0), transportKeyOf(1), PLACE);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.TransportKeyZero.selector));
        committee.register(id(1), key(1), 0, PLACE);
        vm.expectRevert(abi.encodeWithSelector(ICommittee.EndpointLength.selector, 0, 200));
        committee.register(id(1), key(1), transportKeyOf(1), "");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.EndpointLength.selector, 201, 200));
        committee.register(id(1), key(1), transportKeyOf(1), string(new bytes(201)));
        vm.stopPrank();
    }

    function test_R22_revertsWithoutTheBond() public {
        foundSeats(4, 0);
        ledger.deposit(id(0), BOND - 1);

        refused(0, 0, abi.encodeWithSelector(LedgerStandIn.PurseShort.selector, 0));
    }

    /* BEFORE IGNITION */

    function test_R2_2_namedIdentityTakesItsSeat() public {
        vm.expectEmit(address(committee));
        emit ICommittee.Registered(id(2), identityOf(2), id(2), key(2), transportKeyOf(2), PLACE);
        take(2, 2);

        Seat memory seat = committee.seat(id(2));
        vm.assertEq(seat.identity, identityOf(2), "who");
        vm.assertEq(seat.reportKey, key(2), "its report key");
        vm.assertEq(seat.transportKey, transportKeyOf(2), "its transport key");
        vm.assertEq(seat.endpoint, PLACE, "where it is");
        vm.assertTrue(seat.bonded, "R22: bonded");
        vm.assertEq(ledger.held(id(2)), BOND, "R22: the bond is held from its own purse");
        vm.assertEq(uint256(committee.registered()), 1, "R2.2: counted");
        vm.assertEq(uint256(committee.version()), 0, "no version before ignition");
    }

    function test_R2_2_onlyTheNamedBeforeIgnition() public {
        refused(0, 1, abi.encodeWithSelector(ICommittee.NotNamed.selector, 0, identityOf(1)));
        refused(0, 5, abi.encodeWithSelector(ICommittee.NotNamed.selector, 0, identityOf(5)));
        refused(0, 99, abi.encodeWithSelector(ICommittee.NotNamed.selector, 0, identityOf(99)));
    }

    function test_R22_resignedBeforeIgnitionMayComeBack() public {
        take(0, 0);
        resign(0, 0);
        vm.assertEq(ledger.money(id(0)), BOND, "R22: before ignition the bond is free at once");
        vm.assertEq(uint256(committee.registered()), 0, "not counted");

        take(0, 0);
        vm.assertEq(uint256(committee.registered()), 1, "counted again");
    }

    /* AFTER IGNITION */

    function test_R22_neverTakenSeatIsTheNamedOnesStill() public {
        ignite();
        vm.expectEmit(address(docket));
        emit IDocket.Reseated(2, 5, vm.computeCreateAddress(address(committee), 2));
        take(4, 4);

        vm.assertEq(committee.keysOf(1)[4], address(0), "vacant under version 1");
        vm.assertEq(committee.keysOf(2)[4], key(4), "seated under version 2");
    }

    function test_R22_neverTakenSeatIsTheAlternatesToo() public {
        ignite();
        uint256 since = vm.getBlockTimestamp();
        refused(
            4,
            5,
            abi.encodeWithSelector(ICommittee.TurnNotCome.selector, 4, identityOf(5), since, since + 7 days)
        );
        passTime(7 days);
        take(4, 5);

        vm.assertEq(committee.seat(id(4)).identity, identityOf(5), "R22: an alternate took it");
        vm.assertEq(ledger.held(id(5)), BOND, "on the alternate's own purse");
        refused(4, 4, abi.encodeWithSelector(ICommittee.SeatTaken.selector, 4, identityOf(5)));
    }

    function test_R22_alternatesInOrderEachAWeek() public {
        ignite();
        resign(1, 1);
        uint256 since = vm.getBlockTimestamp();

        refused(1, 1, abi.encodeWithSelector(ICommittee.NotNamed.selector, 1, identityOf(1)));
        refused(1, 99, abi.encodeWithSelector(ICommittee.NotNamed.selector, 1, identityOf(99)));
        refused(
            1,
            7,
            abi.encodeWithSelector(ICommittee.TurnNotCome.selector, 1, identityOf(7), since, since + 14 days)
        );
        vm.warp(since + 7 days - 1);
        refused(
            1,
            6,
            abi.encodeWithSelector(
                ICommittee.TurnNotCome.selector, 1, identityOf(6), since + 7 days - 1, since + 7 days
            )
        );
        vm.warp(since + 7 days);
        take(1, 6);

        resign(2, 2);
        take(2, 5);
        resign(0, 0);
        take(0, 7);
        resign(3, 3);
        refused(3, 5, abi.encodeWithSelector(ICommittee.NotNamed.selector, 3, identityOf(5)));
    }

    function test_R22_successorCannotTouchThePredecessorsMoney() public {
        ignite();
        resign(1, 1);
        take(1, 5);

        vm.assertEq(ledger.held(id(1)), BOND, "R22: the first bond is held yet");
        vm.assertEq(ledger.held(id(5)), BOND, "R22: beside the successor's");
        vm.assertEq(committee.identityOf(id(1)), identityOf(1), "R22: whose money it is does not change");
        vm.assertEq(committee.identityOf(id(5)), identityOf(5), "R22: nor the other's");
        vm.assertEq(uint256(SeatId.unwrap(committee.purseOf(identityOf(5)))), 5, "found by name");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotAnOperator.selector, address(this)));
        committee.purseOf(address(this));
    }

    /* OPEN */

    function test_R2_2_openWritesVersionOne() public {
        for (uint256 i = 0; i < 4; ++i) {
            take(i, i);
        }

        vm.expectEmit(address(committee));
        emit ICommittee.VersionWritten(1, vm.computeCreateAddress(address(committee), 1), 5);
        vm.expectEmit(address(docket));
        emit IDocket.Reseated(1, 5, vm.computeCreateAddress(address(committee), 1));
        charter.ignite();

        address[] memory keys = committee.keysOf(1);
        vm.assertEq(keys.length, 5, "R7.4: one per seat");
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(keys[i], key(i), "R7.4: the registered one");
        }
        vm.assertEq(keys[4], address(0), "R7.4: a lost seat stays vacant inside n");
        vm.assertEq(uint256(committee.quorum()), 4, "R7.4: q of 5 is 4");
        vm.assertEq(uint256(committee.seatCount()), 5, "R7.4: n does not change");
        vm.assertEq(committee.keysOf(2).length, 0, "there is no version 2");
    }

    function test_R2_2_openReverts() public {
        for (uint256 i = 0; i < 3; ++i) {
            take(i, i);
        }
        vm.expectRevert(abi.encodeWithSelector(ICommittee.TooFewRegistered.selector, 3, 4));
        charter.ignite();
        vm.expectRevert(abi.encodeWithSelector(ICommittee.NotCharter.selector, address(this)));
        committee.open();
        take(3, 3);
        charter.ignite();
        vm.expectRevert(abi.encodeWithSelector(ICommittee.AlreadyOpen.selector, 1));
        charter.ignite();
    }

    function test_R2_2_largeCommitteesNeedTheirQuorum() public {
        foundSeats(13, 0);
        for (uint256 i = 0; i < 8; ++i) {
            registerSeat(i, i);
        }
        vm.expectRevert(abi.encodeWithSelector(ICommittee.TooFewRegistered.selector, 8, 9));
        charter.ignite();
        registerSeat(8, 8);
        charter.ignite();
    }

    /* CONSTRUCTOR */

    function create(uint256 seats_, uint256 alternates_, bool twice, bytes memory reason) internal {
        address[] memory named = new address[](seats_);
        address[] memory bench = new address[](alternates_);
        for (uint256 i = 0; i < seats_; ++i) {
            named[i] = identityOf(i);
        }
        for (uint256 i = 0; i < alternates_; ++i) {
            bench[i] = identityOf(twice ? i : seats_ + i);
        }
        CharterStandIn strange = new CharterStandIn(named, bench, TZ, BOND);
        strange.install(type(RosterStandIn).creationCode);
        strange.install(type(LedgerStandIn).creationCode);
        bytes memory code = vm.getCode("Committee.sol:Committee");
        if (reason.length != 0) vm.expectRevert(reason);
        strange.install(code);
    }

    function test_R7_4_between4And31Seats() public {
        create(3, 0, false, abi.encodeWithSelector(ICommittee.SeatsOutOfRange.selector, 3, 0));
        create(32, 0, false, abi.encodeWithSelector(ICommittee.SeatsOutOfRange.selector, 32, 0));
        create(4, 32, false, abi.encodeWithSelector(ICommittee.SeatsOutOfRange.selector, 4, 32));
        create(31, 31, false, "");
        create(4, 1, true, abi.encodeWithSelector(ICommittee.NamedTwice.selector, identityOf(0)));
    }
}
